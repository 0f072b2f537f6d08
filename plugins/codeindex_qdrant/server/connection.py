"""Connection: requests to one server, tried again where that helps, failures in clear words."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from qdrant_client import QdrantClient

from codeindex.errors import DamagedIndexError, StorageError, UnavailableError
from codeindex_qdrant.server.failures import Failure, Kind, failure_of
from codeindex_qdrant.server_spec import QdrantOptions

T = TypeVar("T")

_FIRST_WAIT = 0.25
_LONGEST_BACK_OFF = 10.0


def pause(seconds: float) -> None:
    """Waits before another try."""
    time.sleep(seconds)


class Connection:
    """One server or cluster. May be used by several threads.

    Attributes:
        options: as given.
        url: as given; it holds no secret.
    """

    def __init__(self, options: QdrantOptions, wait: Callable[[float], None] | None = None) -> None:
        """Connects with the first request. `wait` replaces the pauses between tries.

        Raises:
            UnavailableError: the key is no text that could be sent.
        """
        self.options = options
        self.url = options.url.rstrip("/")
        self._wait = wait
        key = self._key()
        self._client = QdrantClient(
            url=options.url,
            prefer_grpc=options.grpc,
            grpc_port=options.grpc_port,
            timeout=options.timeout,
            # Not as `api_key`: that warns on standard error about every http:// URL.
            headers={"api-key": key} if key else None,
            check_compatibility=False,  # a thread with a request of its own
            # Reading the certificates takes longer than the requests of a search.
            verify=not options.url.startswith("http://"),
        )

    def _key(self) -> str:
        name = self.options.api_key_env
        key = os.environ.get(name, "").strip() if name else ""
        if not (key.isascii() and key.isprintable()):
            # Not left to the HTTP library, whose message would quote the key.
            raise UnavailableError(
                f"the environment variable {name} (api_key_env) holds characters that no key has"
            )
        return key

    def call(
        self, doing: str, request: Callable[[QdrantClient], T], *, attempts: int | None = None
    ) -> T:
        """The answer to a request that may be repeated without harm.

        Args:
            doing: what for, for messages: "storing 128 points".
            attempts: at most; by default as the options say.

        Raises:
            UnavailableError: the server cannot be reached, is too slow or overloaded after all
                attempts, or refuses the key.
            DamagedIndexError: what was asked for is not there.
            StorageError: the server will not do it.
        """
        most = attempts or self.options.retries + 1
        for number in range(1, most + 1):
            try:
                return request(self._client)
            except Exception as error:
                failure = failure_of(error, self.options.timeout)
                if failure is None:
                    raise
                if failure.kind is not Kind.PASSING or number == most:
                    raise self._error(doing, failure, number) from error
            self._pause(number, failure)
        raise AssertionError("there is at least one attempt")

    def _pause(self, number: int, failure: Failure) -> None:
        """Longer each time, and not the same for all: those that fail together come apart."""
        back_off = min(_LONGEST_BACK_OFF, _FIRST_WAIT * 2 ** (number - 1))
        seconds = back_off * random.uniform(0.5, 1.0) if failure.wait is None else failure.wait  # noqa: S311
        (self._wait or pause)(seconds)

    def _error(
        self, doing: str, failure: Failure, attempts: int
    ) -> StorageError | DamagedIndexError:
        server = f"the Qdrant server at {self.url}"
        if failure.kind is Kind.MISSING:
            return DamagedIndexError(f"{server} {failure.reason} ({doing})")
        if failure.kind is Kind.EXISTS:
            return AlreadyThere(f"{server} {failure.reason} ({doing})")
        if failure.kind is Kind.KEY:
            return UnavailableError(f"{server} {failure.reason} ({doing}): {self._about_key()}")
        if failure.kind is Kind.PASSING:
            tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
            hint = f"; {failure.hint}" if failure.hint else ""
            return UnavailableError(f"{server} {failure.reason} ({doing}, {tries}){hint}")
        if failure.kind is Kind.STRANGER:
            return UnavailableError(f"{server} {failure.reason} ({doing}); {failure.hint}")
        return StorageError(f"{server} {failure.reason} ({doing})")

    def _about_key(self) -> str:
        name = self.options.api_key_env
        if not name:
            return (
                "it wants a key; put it into an environment variable and name that:"
                " -B api_key_env=NAME"
            )
        if not os.environ.get(name):
            return f"the environment variable {name} (api_key_env) is not set"
        return f"it does not take the key in the environment variable {name}, or not for this"

    def close(self) -> None:
        """Ends it. May be called twice."""
        self._client.close()


class AlreadyThere(StorageError):
    """What was to be made is there already."""
