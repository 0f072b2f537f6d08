"""Runs a contract without pytest and says of each promise whether it is kept."""

from __future__ import annotations

import inspect
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from codeindex.testing.contract import Contract, Declared, Undecided, by_runner, promises


class Status(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    DECLARED = "declared broken"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One promise and what became of it.

    Attributes:
        promise: what is promised, in a sentence.
        test: name of the test method.
        detail: why it is not kept, or could not be decided.
    """

    promise: str
    test: str
    status: Status
    detail: str = ""


def run_contract(contract: type[Contract]) -> Iterator[Outcome]:
    """Runs every promise of a suite, each on a fresh instance with a folder of its own.

    Raises:
        RuntimeError: Python runs without assertions, so that nothing could fail.
    """
    if not __debug__:
        raise RuntimeError("contracts are made of assertions; run Python without -O")
    for name, function in promises(contract).items():
        sentence = (inspect.getdoc(function) or name).split("\n\n")[0].replace("\n", " ")
        status, detail = _run(contract, name)
        yield Outcome(sentence, name, status, detail)


def _run(contract: type[Contract], name: str) -> tuple[Status, str]:
    test = getattr(contract(), name)
    with tempfile.TemporaryDirectory() as folder:
        arguments = {"tmp_path": Path(folder)} if "tmp_path" in _parameters(test) else {}
        token = by_runner.set(True)
        try:
            test(**arguments)
        except Declared as reason:
            return Status.DECLARED, str(reason)
        except Undecided as reason:
            return Status.UNDECIDED, str(reason)
        except Exception as error:
            return Status.BROKEN, _explanation(error)
        finally:
            by_runner.reset(token)
    return Status.KEPT, ""


def _parameters(test: object) -> set[str]:
    return set(inspect.signature(test).parameters) if callable(test) else set()


def _explanation(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    if isinstance(error, AssertionError):
        return text
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({Path(where.filename).name}:{where.lineno})"
