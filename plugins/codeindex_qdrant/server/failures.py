"""What an exception of the Qdrant client means: worth another try, and how to say it."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import httpx
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

LONGEST_WAIT = 60.0
"""Seconds that a server may ask us to wait before another try."""

_LONGEST_TEXT = 300
_PASSING = frozenset({429, 500, 502, 503, 504})
_URL = "is the URL right?"
_HOST = "is the host in the URL right?"
_RUNNING = "is it running, and are host and port in the URL right?"
_SECURE = "it does not speak TLS there: is the URL to begin with http://, not https://?"
_SCHEME = "is the URL to begin with https://, not http://?"


class Kind(Enum):
    """What to do about a failure."""

    PASSING = "try again"
    KEY = "the key is wrong or missing"
    MISSING = "what was asked for is not there"
    EXISTS = "what was to be made is there"
    REFUSED = "it will be refused each time"
    STRANGER = "what answers is no Qdrant server"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request.

    Attributes:
        reason: completes "the server at URL …".
        wait: seconds the server asks us to wait; None if it does not say.
        hint: what to look at.
    """

    kind: Kind
    reason: str
    wait: float | None = None
    hint: str = ""


def failure_of(error: Exception, timeout: int) -> Failure | None:
    """What `error` means; None for what is no failure of server or network."""
    if isinstance(error, ResourceExhaustedResponse):
        return Failure(Kind.PASSING, "asks to wait (429)", min(error.retry_after_s, LONGEST_WAIT))
    if isinstance(error, QdrantException):  # 429 with a date, which the client does not read
        return Failure(Kind.PASSING, "asks to wait (429)")
    if isinstance(error, UnexpectedResponse):
        return _of_status(error)
    if isinstance(error, ResponseHandlingException):
        return _of_transport(error.source, timeout)
    if isinstance(error, json.JSONDecodeError | AssertionError):  # as the client reads an answer
        return Failure(Kind.STRANGER, "gives an answer that is not Qdrant's", hint=_URL)
    if any(base.__name__ == "RpcError" for base in type(error).__mro__):
        return _of_rpc(error, timeout)
    return None


def _of_status(error: UnexpectedResponse) -> Failure:
    status, text = error.status_code or 0, _server_text(error.content)
    said = f"answers {status}" + (f": {text}" if text else "")
    if status in _PASSING:
        return Failure(Kind.PASSING, said)
    if status in (401, 403):
        return Failure(Kind.KEY, f"answers {status}")
    if not text:  # a proxy, or another service: Qdrant says what is wrong
        return Failure(Kind.STRANGER, f"answers {status}, and not as Qdrant does", hint=_URL)
    if status == 404:
        return Failure(Kind.MISSING, said)
    if status == 409 or (status == 400 and "already exists" in text):
        return Failure(Kind.EXISTS, said)
    return Failure(Kind.REFUSED, said)


def _of_transport(source: Exception, timeout: int) -> Failure:
    if isinstance(source, httpx.TimeoutException):
        return Failure(Kind.PASSING, f"gives no answer within {timeout} s")
    if isinstance(source, httpx.ConnectError):
        return _of_connecting(source)
    if isinstance(source, httpx.TransportError):
        return Failure(Kind.PASSING, "broke the connection off", hint=_SCHEME)
    return Failure(Kind.STRANGER, "gives an answer that is not Qdrant's", hint=_URL)


def _of_connecting(error: Exception) -> Failure:
    """What will not pass by itself is said at once: a name or a scheme that is wrong."""
    said = f"cannot be reached: {_short(str(error))}"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            if cause.errno == socket.EAI_AGAIN:  # also without a network
                return Failure(Kind.PASSING, said, hint=_HOST)
            return Failure(Kind.STRANGER, said, hint=_HOST)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure(Kind.STRANGER, said, hint="its certificate is not one to trust")
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return Failure(Kind.STRANGER, said, hint=_SECURE)
    return Failure(Kind.PASSING, said, hint=_RUNNING)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it was raised from or while handling, inwards."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_rpc(error: Exception, timeout: int) -> Failure:
    code = getattr(error, "code", None)
    name = str(getattr(code(), "name", "UNKNOWN")) if callable(code) else "UNKNOWN"
    details = getattr(error, "details", None)
    text = _short(str(details())) if callable(details) else ""
    said = f"answers {name}" + (f": {text}" if text else "")
    if name == "DEADLINE_EXCEEDED":
        return Failure(Kind.PASSING, f"gives no answer within {timeout} s")
    if "Domain name not found" in text:
        return Failure(Kind.STRANGER, said, hint=_HOST)
    if "WRONG_VERSION_NUMBER" in text:
        return Failure(Kind.STRANGER, said, hint=_SECURE)
    if name in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED", "CANCELLED"):
        return Failure(Kind.PASSING, said)
    if name in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return Failure(Kind.KEY, f"answers {name}")
    if name == "NOT_FOUND":
        return Failure(Kind.MISSING, said)
    if name == "ALREADY_EXISTS" or "already exists" in text:
        return Failure(Kind.EXISTS, said)
    return Failure(Kind.REFUSED, said)


def _server_text(content: bytes) -> str:
    """What Qdrant says is wrong; empty where the answer is not of its form."""
    try:
        return _short(str(json.loads(content)["status"]["error"]))
    except (ValueError, TypeError, KeyError):
        return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}…"
