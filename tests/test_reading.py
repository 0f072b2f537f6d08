"""Reading: the text that Python itself would see, or a reason for people."""

from __future__ import annotations

import contextlib
import encodings.aliases
import errno
import hashlib
import os
from pathlib import Path

import pytest

from codeindex import reading
from codeindex.candidates import Candidate
from codeindex.errors import ExtractionError
from codeindex.reading import read_source


def candidate(location: Path, language: str = "python") -> Candidate:
    return Candidate(location.name, location, language, "any", 0, 0, 0)


def read(tmp_path: Path, data: bytes, language: str = "python") -> str:
    file = tmp_path / "source"
    file.write_bytes(data)
    found = read_source(candidate(file, language))
    assert found.digest == hashlib.blake2b(data, digest_size=16).digest()
    return found.text


def reason(tmp_path: Path, data: bytes, language: str = "python") -> str:
    with pytest.raises(ExtractionError) as caught:
        read(tmp_path, data, language)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("é = '→'\n".encode(), "é = '→'\n"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        (b"\xef\xbb\xbf# coding: utf-8\n", "# coding: utf-8\n"),
        (b"a\r\nb\rc\n\r\r\n", "a\nb\nc\n\n\n"),
        (b"a\x0cb\x0bc\x1cd\xc2\x85e", "a\x0cb\x0bc\x1cd\x85e"),
        (b"# coding: latin-1\n\xe9", "# coding: latin-1\né"),
        (b"#!/x\r\n# -*- coding: cp1252 -*-\r\n\x80", "#!/x\n# -*- coding: cp1252 -*-\n€"),
        (b"#!/x\r# vim: fileencoding=koi8-r :\r\xc1", "#!/x\n# vim: fileencoding=koi8-r :\n\u0430"),
        ("# coding: gbk\n中".encode("gbk"), "# coding: gbk\n中"),
        (b"x = 1\n# coding: latin-1\n\xc3\xa9", "x = 1\n# coding: latin-1\né"),
        (b"\n\n# coding: latin-1\n\xc3\xa9", "\n\n# coding: latin-1\né"),
    ],
)  # fmt: skip
def test_python_is_decoded_as_it_declares(tmp_path, data, text):
    assert read(tmp_path, data) == text


def test_only_python_declares_its_encoding(tmp_path):
    assert read(tmp_path, b"# coding: latin-1\n\xc3\xa9", "go") == "# coding: latin-1\né"
    assert reason(tmp_path, b"# coding: latin-1\n\xe9", "go") == "not UTF-8: byte 0xe9 in line 2"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\n\xff", "not UTF-8: byte 0xff in line 2"),
        (b"a\0b", "binary (null byte)"),
        (b"a" * 100_000 + b"\0", "binary (null byte)"),
        ("x".encode("utf-16"), "UTF-16 text"),
        (b"# coding: nonsense\n", "unknown encoding: nonsense"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "encoding problem"),
        (b"# coding: ascii\n\xe9", "not ascii, which it declares"),
        (b"# coding: rot13\n", "no text encoding"),
        (b"# coding: zip\n", "no text encoding"),
        (b"# coding: hex\n", "no text encoding"),
        (b"# coding: idna\n", "no encoding for source text"),
        (b"# coding: punycode\n" + b"a" * 1_000_000, "no encoding for source text"),
        (b"# coding: unicode_escape\n\\d", "no encoding for source text"),
        (b"# coding: utf-7\n+2AA-", "no encoding for source text"),
        (b"# coding: utf-16-le\n", "does not extend ASCII"),
        (b"# coding: cp037\n", "does not extend ASCII"),
    ],
)
def test_what_is_no_text_has_a_reason(tmp_path, data, message):
    assert message in reason(tmp_path, data)


@pytest.mark.parametrize("name", sorted(set(encodings.aliases.aliases.values())))
def test_every_codec_gives_text_that_can_be_stored_or_a_reason(tmp_path, name):
    data = f"# coding: {name}\nx = 1\n".encode() + bytes(range(1, 256)) * 3
    try:
        text = read(tmp_path, data)
    except ExtractionError:
        return
    assert text.startswith(f"# coding: {name}\nx = 1\n")
    text.encode("utf-8")
    assert "\r" not in text
    assert "\0" not in text


def test_a_file_that_vanished_or_was_replaced_has_a_reason(tmp_path):
    with pytest.raises(ExtractionError, match="vanished"):
        read_source(candidate(tmp_path / "nowhere"))
    with pytest.raises(ExtractionError, match="not a regular file"):
        read_source(candidate(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ExtractionError, match="not a regular file"):
        read_source(candidate(tmp_path / "fifo"))
    with pytest.raises(ExtractionError, match="not a regular file"):
        read_source(candidate(Path("/dev/zero")))
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ExtractionError, match="became a symbolic link"):
        read_source(candidate(tmp_path / "link"))


def test_a_file_that_grew_over_the_limit_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 11)
    assert read_source(candidate(tmp_path / "a"), max_bytes=11).text == "x" * 11
    with pytest.raises(ExtractionError, match="larger than 10 bytes"):
        read_source(candidate(tmp_path / "a"), max_bytes=10)


@pytest.mark.parametrize(
    ("code", "message"), [(errno.EACCES, "no permission"), (errno.EIO, os.strerror(errno.EIO))]
)
def test_a_refusal_of_the_system_has_a_reason(tmp_path, monkeypatch, code, message):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(reading.os, "open", refuse)
    with pytest.raises(ExtractionError, match=message):
        read_source(candidate(tmp_path / "a"))


def test_nothing_stays_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else None
    if before is None:
        pytest.skip("no /proc here")
    for data in (b"x", b"\0", b"# coding: zip\n"):
        (tmp_path / "a").write_bytes(data)
        with contextlib.suppress(ExtractionError):
            read_source(candidate(tmp_path / "a"))
        with pytest.raises(ExtractionError):
            read_source(candidate(tmp_path / "a"), max_bytes=0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
