"""The pairs that `fast` is trained on: docstrings and functions of the packages in packages.txt.

1. The packages are fetched as wheels; nothing of them is installed or run.
2. Each documented function gives a pair: the first paragraph of its docstring, and what an index
   embeds of the function without it (`codeindex.pairs`, with the filters of CodeSearchNet).
3. What is nearly the same as code that is measured on, or has a question that is measured with,
   is left out, and so is what is nearly the same as a function before it. Measured on are the
   packages of ``benchmarks/worked/held_out.txt`` and what ``--apart`` names: JSONL with "text", or
   with "anchor" and "positive".

The numbers of all that was left out go to stdout.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from benchmarks.worked.packages import Package, fetch, read_list
from codeindex.host import Host
from codeindex.pairs import Pair
from codeindex.pairs.filters import MiningOptions
from codeindex.pairs.mining import Miner, MiningCounts
from codeindex.pairs.near_duplicates import NearDuplicates
from codeindex.pairs.writing import as_row, write_rows

OPTIONS = MiningOptions(min_lines=2, text="index")
_DOCSTRING = re.compile(r"(\"{3}|'{3}).*?\1", re.DOTALL)


def packages() -> list[Package]:
    """Those of packages.txt, in its order."""
    lines = (Path(__file__).parent / "packages.txt").read_text("utf-8").splitlines()
    rows = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [Package(requirement, licence) for requirement, licence in rows]


class Apart:
    """Knows what is measured on."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self.left_out: Counter[str] = Counter()
        self._measured = NearDuplicates(OPTIONS.similarity)
        self._questions: set[str] = set()

    def remember(self, question: str, code: str) -> None:
        """Keeps a question, and code that is searched for, out of training."""
        self._questions.add(plain(question))
        self._measured.is_new(body(code))

    def remember_file(self, file: Path) -> None:
        """The same of every line of a JSONL file."""
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            text = row.get("positive", row.get("text", ""))
            self.remember(row.get("anchor", text), text)

    def takes(self, pair: Pair) -> bool:
        """Whether the pair is to be trained on; counts why not."""
        reason = self._reason(pair)
        if reason:
            self.left_out[reason] += 1
        return not reason

    def _reason(self, pair: Pair) -> str:
        if "_vendor" in pair.file:
            return "a copy of another package"
        if plain(pair.anchor) in self._questions:
            return "a question that is measured with"
        # `is_new` remembers what it is asked: pairs are not near to each other, so it does no harm.
        if not self._measured.is_new(body(pair.positive)):
            return "nearly the same as code that is measured on"
        return ""


def plain(text: str) -> str:
    """A question, to know it again."""
    return " ".join(text.lower().split()).rstrip(".")


def body(text: str) -> str:
    """A function without docstring, path and name: what is the same wherever it stands."""
    return _DOCSTRING.sub("", text[max(0, text.find("def ")) :])


def main() -> None:
    """Writes the pairs to ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="where packages are kept")
    parser.add_argument("--apart", type=Path, action="append", default=[])
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    miner, apart, counts = Miner(Host.load(only=["python"]), OPTIONS), Apart(), MiningCounts()
    for pair in miner.pairs(fetch(read_list("held_out.txt"), given.cache), MiningCounts()):
        apart.remember(pair.anchor, pair.positive)
    for file in given.apart:
        apart.remember_file(file)
    mined = miner.pairs(fetch(packages(), given.cache), counts)
    found = [pair for pair in mined if apart.takes(pair)]
    write_rows((as_row(pair) for pair in found), given.output)
    facts = {"pairs": len(found), "apart": dict(apart.left_out), "mining": counts.as_json()}
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
