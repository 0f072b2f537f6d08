"""Encoders in processes of their own, which load once and are timed again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from codeindex.vectors import Embeddings

_SERVE = """
import json, sys, time
import numpy
def serve(encode):
    encode([f"def warm_up_{n}(): " + n * "return " for n in range(64)])
    print("ready", flush=True)
    for line in sys.stdin:
        texts, target = json.loads(line)
        texts = json.load(open(texts, encoding="utf-8"))
        started = time.perf_counter()
        vectors = encode(texts)
        took = time.perf_counter() - started
        if target:
            numpy.save(target, vectors)
        print(json.dumps(took), flush=True)
"""


@dataclass(frozen=True)
class EncoderProgram:
    """What a process runs.

    Attributes:
        python: the interpreter.
        code: ends with ``serve(encode)``; `encode` takes texts and gives vectors.
        arguments: ``sys.argv[1:]`` of the code.
        env: its environment.
    """

    python: Path | str
    code: str
    arguments: Sequence[str]
    env: Mapping[str, str]


class EncoderProcess:
    """A program that has loaded its model and waits for texts."""

    def __init__(self, program: EncoderProgram, scratch: Path) -> None:
        """Starts it; `ready` waits for it."""
        self._scratch = scratch
        self._log = (scratch / f"{id(self)}.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(program.python), "-c", _SERVE + program.code, *program.arguments],
            env=dict(program.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ready(self) -> None:
        """Waits until the model is loaded and warm."""
        while self._line() != "ready":
            pass  # what a library prints when it is loaded

    def seconds(self, texts: Path) -> float:
        """Time to encode a JSON list of texts."""
        return self._ask(texts, None)

    def vectors(self, texts: Sequence[str]) -> Embeddings:
        """(len(texts), dim)."""
        given, target = self._scratch / "texts.json", self._scratch / "vectors.npy"
        given.write_text(json.dumps(list(texts)), "utf-8")
        self._ask(given, target)
        vectors: Embeddings = np.load(target).astype(np.float32)
        return vectors

    def _ask(self, texts: Path, target: Path | None) -> float:
        assert self._process.stdin is not None
        task = [str(texts), str(target) if target else None]
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            sys.exit(f"an encoder's process ended:\n{self._log.read()[-3000:]}")
        return line.strip()

    def __enter__(self) -> EncoderProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()


@contextmanager
def started(
    programs: Mapping[str, EncoderProgram], scratch: Path
) -> Iterator[dict[str, EncoderProcess]]:
    """All of them, loaded and warm one after the other; ended at the end."""
    with ExitStack() as stack:
        processes = {}
        for name, program in programs.items():
            processes[name] = stack.enter_context(EncoderProcess(program, scratch))
            processes[name].ready()
        yield processes
