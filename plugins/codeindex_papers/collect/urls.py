"""Addresses of repositories: which may be cloned, and when two name the same one."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

PROTOCOLS = ("file", "https", "http", "ssh", "git")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")  # ext::COMMAND runs a command
_SCP = re.compile(r"(?![A-Za-z]:[\\/])[^/\\]+:")  # git@host:path, but not C:\path


def refusal(url: str) -> str | None:
    """Why an address, which may come from anywhere, is not handed to git; None if it may be."""
    if not url:
        return "no url"
    if url.startswith("-"):
        return "the url begins with '-', as an option does"
    if not url.isprintable():
        return "the url has a control character in it"
    if _HELPER.match(url):
        return f"the url names a git helper, {url.partition('::')[0]}::, which could run commands"
    scheme = _SCHEME.match(url)
    if scheme and scheme[1].lower() not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        return f"the protocol {scheme[1]} is not one of {known}, or a path"
    return None


def identity(url: str) -> str:
    """What two addresses of one repository have in common.

    Of an address on the net, the case of the host, a final slash and ``.git`` do not count
    (on GitHub, no case does). A path is made absolute, and is what ``file://`` is.
    """
    if _SCHEME.match(url) is None:
        return url if not url or _SCP.match(url) else f"file://{os.path.abspath(url)}"
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address, say; git will refuse it
        return url
    scheme, host, path = parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
    if scheme == "file":
        return f"file://{host}{unquote(path)}"
    if host in ("github.com", "www.github.com"):
        host, path = "github.com", path.lower()
    scheme = "https" if scheme == "http" else scheme
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{host}{path.removesuffix('.git')}{query}"
