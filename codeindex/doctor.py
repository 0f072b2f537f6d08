"""Whether this installation works: checks, each with what it found and what to do about it."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from codeindex import __version__
from codeindex.errors import CodeIndexError
from codeindex.host import Host
from codeindex.location import is_index
from codeindex.offers import Offer, describe

_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimd")
_LEAST_FREE = 200_000_000


class Verdict(StrEnum):
    """What a check says."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the page.

    Attributes:
        subject: what was looked at.
        remedy: what to do, where something is to be done.
    """

    subject: str
    verdict: Verdict
    text: str
    remedy: str = ""


def examine(host: Host, index: Path | None) -> Iterator[Finding]:
    """All checks, one after the other.

    Args:
        host: the plugins of the run.
        index: folder of the index to look at, or None.
    """
    yield _python()
    yield from _libraries()
    yield _sqlite()
    yield _processor()
    yield _threads()
    yield from _plugins(host)
    yield _tried("indexing", lambda: _index_and_search(host), _REINSTALL)
    yield _disk(index or Path.cwd())
    if index is None:
        yield Finding("index", Verdict.NOTE, "none here", "make one with: codeindex index PATH")
    else:
        yield from _index(host, index)


_REINSTALL = "install it anew: pip install --force-reinstall codeindex"


def _python() -> Finding:
    text = f"{__version__} on Python {platform.python_version()}, {platform.system()}"
    return Finding("codeindex", Verdict.OK, f"{text} {platform.machine()}, {sys.executable}")


def _libraries() -> Iterator[Finding]:
    """The libraries of the base installation; extras belong to plugins."""
    present = []
    for requirement in requires("codeindex") or ():
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0].strip()
        for mark in "<>=!~ [":
            name = name.split(mark)[0]
        try:
            present.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            remedy = f"pip install '{requirement}'"
            yield Finding("libraries", Verdict.BROKEN, f"{name} is not installed", remedy)
    yield Finding("libraries", Verdict.OK, ", ".join(sorted(present)))


def _sqlite() -> Finding:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("SELECT value FROM json_each('[1]')")
    except sqlite3.Error as error:
        remedy = "use a Python whose SQLite reads JSON, for example one from python.org"
        text = f"{sqlite3.sqlite_version} does not read JSON ({error})"
        return Finding("sqlite", Verdict.BROKEN, text, remedy)
    finally:
        connection.close()
    return Finding("sqlite", Verdict.OK, sqlite3.sqlite_version)


def _processor() -> Finding:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        machine = platform.processor() or platform.machine()
        return Finding("processor", Verdict.OK, f"{machine}; its features cannot be read here")
    flags = set(text.split())
    found = [feature for feature in _FEATURES if feature in flags]
    if not found:
        remedy = "encoding is slow without them; a virtual machine may hide them"
        return Finding("processor", Verdict.NOTE, "no vector instructions", remedy)
    return Finding("processor", Verdict.OK, ", ".join(found))


def _threads() -> Finding:
    total = os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    text = f"{cores} of {total} cores may be used"
    limit = os.environ.get("OMP_NUM_THREADS")
    if limit and limit.isdigit() and int(limit) < cores:
        text += f"; OMP_NUM_THREADS is {limit}"
        remedy = "unset OMP_NUM_THREADS, if that is not meant"
        return Finding("threads", Verdict.NOTE, text, remedy)
    return Finding("threads", Verdict.OK, text)


def _plugins(host: Host) -> Iterator[Finding]:
    loaded = ", ".join(f"{name} ({distribution})" for name, distribution in host.plugins())
    yield Finding("plugins", Verdict.OK, loaded or "none")
    for broken in host.broken:
        yield Finding(
            "plugins",
            Verdict.BROKEN,
            f"{broken.name} ({broken.distribution}) does not load: {broken.error}",
            f"mend or uninstall it, or leave it out with --no-plugin {broken.name}",
        )
    for catalogue in (host.extractors, host.encoders, host.backends, host.commands):
        for name, rivals in catalogue.clashes.items():
            remedy = "leave one of them out with --no-plugin"
            text = f"{name!r} is offered by {' and '.join(rivals)}"
            yield Finding("plugins", Verdict.BROKEN, text, remedy)
        for offer in catalogue.offers():
            yield from _missing(offer)


def _missing(offer: Offer[Any]) -> Iterator[Finding]:
    if offer.missing:
        text = f"{offer.spec.name!r} of plugin {offer.plugin!r} needs {', '.join(offer.missing)}"
        install = offer.spec.install or "install what it needs, to use it"
        yield Finding("plugins", Verdict.NOTE, text, install)


def _index_and_search(host: Host) -> str:
    """A small index, made and searched in a temporary folder."""
    from codeindex.index import Index

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "sample.py"
        source.write_text("def parse_date(text):\n    return text\n\n\ndef compress():\n    pass\n")
        with Index.open(folder, create=True, host=host) as index:
            index.update()
            (best,) = index.search("parse a date", top_k=1)
            title = index.status()["encoder"]["title"]
        if best.snippet.name != "parse_date":
            raise CodeIndexError(f"a search for parse_date found {best.snippet.name}")
    return f"works, with encoder {title}"


def _disk(place: Path) -> Finding:
    import shutil

    free = shutil.disk_usage(place if place.exists() else Path.cwd()).free
    text = f"{free / 1e9:.1f} GB free"
    if free < _LEAST_FREE:
        remedy = "an index takes about 4 KB a function; make room, or say --index DIR"
        return Finding("disk", Verdict.NOTE, text, remedy)
    return Finding("disk", Verdict.OK, text)


def _index(host: Host, folder: Path) -> Iterator[Finding]:
    if not is_index(folder):
        yield Finding("index", Verdict.BROKEN, f"none at {folder}", "make it: codeindex index PATH")
        return
    remedy = "mend it: codeindex verify --repair; or delete the folder and index again"
    yield _tried("index", lambda: _opened(host, folder), remedy)
    yield _tried(
        "encoder",
        lambda: _agrees(host, folder),
        "use the encoder it was built with, or embed anew: codeindex index --reencode",
    )


def _opened(host: Host, folder: Path) -> str:
    from codeindex.index import Index

    with Index.open(index=folder, host=host) as index:
        facts = index.status()
        report = index.verify()
    if not report.ok:
        raise CodeIndexError("; ".join(report.problems))
    return f"{folder}: {facts['snippets']:,} snippets, sound"


def _agrees(host: Host, folder: Path) -> str:
    from codeindex.index import Index

    with Index.open(index=folder, host=host) as index:
        if not index.status()["encoder"]:
            return "nothing was embedded yet"
        return f"{index.encoder().info.name}, the one that the index was built with"


def _tried(subject: str, attempt: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(subject, Verdict.OK, attempt())
    except Exception as error:  # whatever it is, this page is where it is told
        text = str(error) if isinstance(error, CodeIndexError) else describe(error)
        return Finding(subject, Verdict.BROKEN, text, remedy)


def works(findings: Sequence[Finding]) -> bool:
    """Whether nothing is broken."""
    return all(finding.verdict is not Verdict.BROKEN for finding in findings)
