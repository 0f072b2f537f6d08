"""Copies an index again and again, and dies each time at another call; then looks what is there.

python moving_victim.py SOURCE TARGET BACKEND OPTIONS(JSON) KILLS

Prints one JSON line for each death: whether TARGET was an index then, and what `verify` finds
in the one that is there after copying again, where it was none.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from pathlib import Path

import moving_toys
from toys import ToyPlugin

from codeindex import Host, Index
from codeindex.copying import copy_index
from codeindex.location import is_index

KILLED = 77


def main() -> None:
    source, target, backend, options, kills = sys.argv[1:]
    given = (source, target, backend, json.loads(options))
    host = Host()
    host.register(ToyPlugin(), "toys", "toy-distribution")
    host.register(moving_toys, "moving", "toy-distribution")
    copy_index(*given, host=host)  # imports what is needed, which is no step of a copy
    calls = count_calls(given, host)
    for death in sorted(random.Random(1).sample(range(1, calls), int(kills))):
        forget(target, json.loads(options))
        child = os.fork()
        if child == 0:
            die_at(death)
            copy_index(*given, host=host)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        whole = is_index(Path(target))
        if not whole:
            copy_index(*given, host=host)
        with Index.open(index=target, host=host) as index:
            found = index.verify().problems
            names = [result.snippet.name for result in index.search("iron", 1)]
            drift = index.status()["drift"]
        row = {
            "death": death,
            "of": calls,
            "killed": os.waitstatus_to_exitcode(status) == KILLED,
            "whole": whole,
            "problems": found,
            "drift": drift,
            "found": names,
            "left": sorted(path.name for path in Path(target).iterdir()),
        }
        print(json.dumps(row))


def forget(target, options):
    shutil.rmtree(target, ignore_errors=True)
    for path in Path(options["at"]).iterdir() if "at" in options else ():
        path.unlink()


def count_calls(given, host) -> int:
    number = 0

    def count(frame, event, argument):
        nonlocal number
        number += event in ("call", "c_call")

    forget(given[1], given[3])
    sys.setprofile(count)
    copy_index(*given, host=host)
    sys.setprofile(None)
    return number


def die_at(death: int) -> None:
    left = death

    def watch(frame, event, argument):
        nonlocal left
        left -= event in ("call", "c_call")
        if left == 0:
            os._exit(KILLED)

    sys.setprofile(watch)


if __name__ == "__main__":
    main()
