"""What a writer tells readers in other processes: which versions it has committed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.reliability.marked import TOPICS


class Board:
    """A few numbers in a file that processes map."""

    def __init__(self, path: Path) -> None:
        """Opens it, or makes one that says nothing yet."""
        places = 2 * len(TOPICS) + 1
        if not path.exists():
            path.write_bytes(bytes(8 * places))
        self._values = np.memmap(path, dtype=np.int64, mode="r+", shape=(places,))

    def commit(self, topic: str, version: int) -> None:
        """A version can be found from now on."""
        self._values[self._place(topic)] = version
        self._values[len(TOPICS) + self._place(topic)] = 1

    def removing(self, topic: str) -> None:
        """A topic may not be found from now on."""
        self._values[len(TOPICS) + self._place(topic)] = 0

    def committed(self, topic: str) -> int:
        """The newest version that can be found; 0 before the first."""
        return int(self._values[self._place(topic)])

    def present(self, topic: str) -> bool:
        """Whether a topic is to be found."""
        return bool(self._values[len(TOPICS) + self._place(topic)])

    def stop(self) -> None:
        """Readers are to end."""
        self._values[-1] = 1

    @property
    def stopped(self) -> bool:
        """Whether they are."""
        return bool(self._values[-1])

    @staticmethod
    def _place(topic: str) -> int:
        return TOPICS.index(topic)
