"""The error tree. Everything codeindex raises on purpose is a CodeIndexError.

CodeIndexError
├── UsageError             the request cannot be carried out as given
│   ├── NotFoundError      no such plugin, index, path or snippet
│   └── OptionError        a provider's option is unknown or has a wrong value
├── PluginError            a plugin broke a promise: named with its distribution
├── ExtractionError        a source cannot be read into snippets (it is skipped, with the reason)
└── IndexStateError        the index on disk is not usable as it is
    ├── IndexLockedError   another process is writing
    ├── IndexVersionError  written by a newer codeindex
    ├── EncoderMismatch    the encoder is not the one that the index was built with
    ├── DamagedIndexError  the catalog or a backend file is not what was written
    └── StorageError       the disk is full, or the folder cannot be written
        └── UnavailableError   a server cannot be reached, is too slow, or refuses the key
"""

from __future__ import annotations


class CodeIndexError(Exception):
    """Any failure that codeindex reports in one line, without a traceback."""


class UsageError(CodeIndexError):
    """The request cannot be carried out as given."""


class NotFoundError(UsageError):
    """No such plugin, index, path or snippet."""


class OptionError(UsageError):
    """A provider's option is unknown or has a wrong value."""


class PluginError(CodeIndexError):
    """A plugin broke a promise. The message names the plugin and its distribution."""


class ExtractionError(CodeIndexError):
    """A source cannot be read into snippets; it is skipped and the message is the reason."""


class UnreadableError(ExtractionError):
    """A source's bytes could not be read: nothing is known of what is in it now."""


class IndexStateError(CodeIndexError):
    """The index on disk is not usable as it is."""


class IndexLockedError(IndexStateError):
    """Another process is writing to the index."""


class IndexVersionError(IndexStateError):
    """The index was written by a newer version of codeindex."""


class EncoderMismatch(IndexStateError):
    """The encoder is not the one that the index was built with."""


class DamagedIndexError(IndexStateError):
    """The catalog or a backend file is not what was written."""


class StorageError(IndexStateError):
    """The disk is full, or the folder cannot be written."""


class UnavailableError(StorageError):
    """A server cannot be reached, is too slow, or refuses the key; nothing is lost by that."""
