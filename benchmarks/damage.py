"""Every byte of a small index flipped in turn: told or harmless, never a wrong answer."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.frame.benchmark import Benchmark, Measure, Settings
from benchmarks.reliability.flipping import (
    SAME,
    TOLD,
    WRONG,
    Flip,
    flips,
    outcomes,
    worth_flipping,
)
from benchmarks.reliability.toy import ENCODER, tiny_tree, toy_host
from codeindex import Index
from codeindex.indexing import available_cores
from codeindex.location import CATALOG

BACKENDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "faiss, flat": ("faiss", {"type": "flat"}),
    "faiss, pq": ("faiss", {"type": "pq"}),
    "faiss, hnsw": ("faiss", {"type": "hnsw"}),
    "qdrant-edge": ("qdrant-edge", {}),
}

_SPREAD = 61  # every so manieth byte of what is all zero, far from anything else
_QUICK = 150  # of the bytes, every so manieth is flipped
_REPAIRED, _QUICK_REPAIRED = 16, 4  # after every so manieth flip, the index is repaired


@dataclass
class _Tally:
    """What became of the flips: how often, and what should not be."""

    bytes: Counter[str] = field(default_factory=Counter)
    searches: Counter[str] = field(default_factory=Counter)
    found: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def flips(self) -> int:
        return sum(self.bytes.values())


def measure(settings: Settings) -> list[Measure]:
    """Flips one bit of each byte: of the catalog, and of the vector index in three kinds.

    Each is opened, searched, listed and verified with the flip; some are repaired. Done with
    the file's time as a program would leave it, and again, for the vector index, as a failing
    disk would: the host then trusts the file, and `verify`, which reads every byte, must not.
    """
    written, rotten = _Tally(), _Tally()
    with tempfile.TemporaryDirectory() as folder:
        tiny_tree(Path(folder) / "tree")
        for name in BACKENDS:
            index = made(Path(folder), name)
            files = sorted(path for path in (index / "backend").rglob("*") if path.is_file())
            if name == next(iter(BACKENDS)):  # the catalogs are alike
                files.insert(0, index / CATALOG)
            for path in files:
                label = CATALOG if path.name == CATALOG else name
                _flip(index, path, label, written, settings, keep_time=False)
                if label != CATALOG:
                    _flip(index, path, label, rotten, settings, keep_time=True)
    return [_measure_of(written), _measure_of_rot(rotten)]


def made(folder: Path, name: str) -> Path:
    """A small index of ``folder/tree`` in one of `BACKENDS`."""
    backend, options = BACKENDS[name]
    index = folder / name.replace(", ", "-")
    with Index.open(
        folder / "tree",
        index=index,
        create=True,
        encoder=ENCODER,
        backend=backend,
        backend_options=options,
        host=toy_host(),
    ) as opened:
        opened.update()
        opened.optimize()
    return index


def _flip(
    index: Path, path: Path, label: str, tally: _Tally, settings: Settings, *, keep_time: bool
) -> None:
    offsets = worth_flipping(path.read_bytes(), _SPREAD)[:: _QUICK if settings.quick else 1]
    wanted = flips(
        str(path.relative_to(index)),
        offsets,
        keep_time=keep_time,
        repair_every=_QUICK_REPAIRED if settings.quick else _REPAIRED,
    )
    for flip, outcome in outcomes(index, index.with_name("damaged"), wanted, available_cores()):
        tally.bytes[label] += 1
        tally.found += outcome.get("verify") == TOLD
        tally.searches[outcome.get("search", "crashed")] += 1
        for failure in failures(flip, outcome):
            what = f"{label}, byte {flip.offset} of {flip.file}: {failure}"
            tally.failures.append(what)
            print(f"  {what}", flush=True)


def failures(flip: Flip, outcome: Mapping[str, str]) -> Iterator[str]:
    """What must not be. What the disk changes unseen may be searched, but not verified."""
    in_catalog = flip.file == CATALOG
    if not in_catalog and outcome.get("verify") != TOLD:
        yield f"verify: {outcome.get('verify', 'no answer')}"
    for step, what in outcome.items():
        allowed = {SAME, TOLD}
        if step == "repair" and not in_catalog:
            allowed = {SAME}
        unseen = flip.keep_time and step in ("search", "list", "crash")
        if what not in allowed and not unseen:
            yield f"{step}: {what}"


def _measure_of(tally: _Tally) -> Measure:
    flipped = ", ".join(f"{number:,} of {name}" for name, number in tally.bytes.items())
    harmless = tally.flips - tally.found
    return Measure(
        "a flipped byte: wrong answers in silence, crashes, failed repairs",
        len(tally.failures),
        "failures",
        0,
        f"{flipped}; `verify` tells {tally.found:,}, {harmless:,} change nothing",
        {"flips": [tally.flips], "told": [tally.found]},
    )


def _measure_of_rot(tally: _Tally) -> Measure:
    odd = sum(number for what, number in tally.searches.items() if what not in (SAME, TOLD, WRONG))
    return Measure(
        "a byte flipped by the disk, size and time unchanged: not found by `verify`",
        len(tally.failures),
        "failures",
        0,
        f"{tally.flips:,} bytes of vector indexes; a search before: {tally.searches[SAME]:,} times"
        f" as ever, {tally.searches[TOLD]:,} times an error, {tally.searches[WRONG]:,} times other"
        f" answers, {odd:,} times a crash",
        {"flips": [tally.flips], "found": [tally.found]},
    )


BENCHMARK = Benchmark("damage", "every byte of a small index flipped in turn", measure)
