"""Requests to a server: what is tried again and what is not, keys, time-outs, messages."""

from __future__ import annotations

import socket
import threading

import pytest
from double import Store
from double.speaking_grpc import GrpcDouble

from codeindex.errors import DamagedIndexError, OptionError, StorageError, UnavailableError
from codeindex.options import build_options
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.failures import Kind, failure_of
from codeindex_qdrant.server_spec import QdrantOptions


def ask(connection: Connection):
    return connection.call("listing", lambda client: client.get_collections()).collections


@pytest.fixture
def connect(server):
    made = []

    def connect(**options) -> Connection:
        made.append(Connection(QdrantOptions(**{"url": server.url, **options})))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again_ever_more_slowly(server, connect, pauses, status):
    server.answer(status, times=4)
    assert ask(connect()) == []
    assert len(server.log) == 5
    assert len(pauses) == 4
    for number, taken in enumerate(pauses):
        assert 0.125 * 2**number <= taken <= 0.25 * 2**number


@pytest.mark.parametrize("status", [500, 503])
def test_what_does_not_pass_is_said_with_what_was_tried(server, connect, status):
    server.answer(status, times=99)
    with pytest.raises(UnavailableError) as caught:
        ask(connect(retries=2))
    assert str(caught.value) == (
        f"the Qdrant server at {server.url} answers {status}: planted (listing, 3 attempts)"
    )
    assert len(server.log) == 3


def test_a_server_that_says_how_long_to_wait_is_given_that_time(server, connect, pauses):
    server.answer(429, Retry_After="7")
    server.answer(429, Retry_After="86400")
    server.answer(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")
    assert ask(connect()) == []
    assert pauses[:2] == [7, 60]
    assert pauses[2] <= 1


def test_a_broken_connection_is_made_again(server, connect):
    server.drop(times=2)
    assert ask(connect()) == []
    assert len(server.log) == 3


def test_an_answer_that_was_lost_is_asked_for_again(server, connect):
    server.drop(after=True)
    assert ask(connect()) == []
    assert len(server.log) == 2


def test_a_server_that_is_away_is_said(server, connect, pauses):
    server.stop()
    with pytest.raises(UnavailableError, match=r"cannot be reached: .*\(listing, 3 attempts\)"):
        ask(connect(retries=2))
    assert len(pauses) == 2


def test_a_server_that_is_slow_is_said(server, connect):
    release = threading.Event()
    server.stall(release)
    try:
        with pytest.raises(UnavailableError, match=r"gives no answer within 1 s \(listing, 1 att"):
            ask(connect(timeout=1, retries=0))
    finally:
        release.set()


@pytest.mark.parametrize(
    ("status", "kind"), [(400, StorageError), (404, DamagedIndexError), (422, StorageError)]
)
def test_what_will_be_refused_each_time_is_asked_once(server, connect, status, kind):
    server.answer(status)
    with pytest.raises(kind, match=f"answers {status}: planted"):
        ask(connect())
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html>nginx"), (200, b"<html>hello"), (200, b"{}")]
)
def test_what_is_no_qdrant_server_is_said(server, connect, status, body):
    server.answer(status, body=body)
    with pytest.raises(UnavailableError, match="Qdrant.*is the URL right"):
        ask(connect())
    assert len(server.log) == 1


def test_a_bug_of_ours_is_not_taken_for_a_failure_of_the_server(connect):
    with pytest.raises(ZeroDivisionError):
        connect().call("dividing", lambda client: 1 / 0)


def test_a_host_that_is_not_known_is_said_at_once(connect, pauses):
    from httpx import ConnectError
    from qdrant_client.http.exceptions import ResponseHandlingException

    def fail(client):
        error = ConnectError("[Errno -2] Name or service not known")
        error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        raise ResponseHandlingException(error)

    with pytest.raises(UnavailableError, match="is the host in the URL right"):
        connect(url="http://nowhere:6333").call("listing", fail)
    assert pauses == []


def test_a_name_server_that_is_away_may_come_back(connect, pauses):
    from httpx import ConnectError
    from qdrant_client.http.exceptions import ResponseHandlingException

    def fail(client):
        error = ConnectError("[Errno -3] Temporary failure in name resolution")
        error.__cause__ = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
        raise ResponseHandlingException(error)

    with pytest.raises(UnavailableError, match="2 attempts.*is the host in the URL right"):
        connect(url="http://nowhere:6333", retries=1).call("listing", fail)
    assert len(pauses) == 1


def test_https_where_http_is_spoken_is_said_at_once(server, connect, pauses):
    with pytest.raises(UnavailableError, match="does not speak TLS there.*http://, not https://"):
        ask(connect(url=server.url.replace("http://", "https://")))
    assert pauses == []


def test_a_server_that_is_away_has_a_hint(server, connect):
    server.stop()
    with pytest.raises(UnavailableError, match="is it running, and are host and port"):
        ask(connect(retries=0))


# -- keys ------------------------------------------------------------------------------------


def test_the_right_key_is_sent_and_no_warning_given(server, connect, monkeypatch):
    monkeypatch.setenv("MY_KEY", "s3cret")
    server.api_key = "s3cret"
    assert ask(connect(api_key_env="MY_KEY")) == []


def test_without_a_name_of_a_key_none_is_sent(server, connect, monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "s3cret")
    ask(connect())
    assert "s3cret" not in str(server.headers)


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        ("", None, "it wants a key; .*-B api_key_env=NAME"),
        ("MY_KEY", None, r"variable MY_KEY \(api_key_env\) is not set"),
        ("MY_KEY", "wr0ng", "does not take the key in the environment variable MY_KEY"),
    ],
)
def test_a_refused_key_is_said_and_never_shown(server, connect, monkeypatch, name, key, said):
    monkeypatch.delenv("MY_KEY", raising=False)
    if key:
        monkeypatch.setenv("MY_KEY", key)
    server.api_key = "s3cret"
    with pytest.raises(UnavailableError, match=said) as caught:
        ask(connect(api_key_env=name))
    assert len(server.log) == 1
    assert "wr0ng" not in repr(caught.value)


def test_a_key_that_cannot_be_sent_is_not_quoted(connect, monkeypatch):
    monkeypatch.setenv("MY_KEY", "wr0ng\nkey")
    with pytest.raises(UnavailableError, match="MY_KEY") as caught:
        connect(api_key_env="MY_KEY")
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://me:s3cret@host:6333", "http://host/?api-key=s3cret", "http://host/#s3cret"]
)
def test_a_url_with_a_secret_is_refused_and_not_repeated(url):
    with pytest.raises(OptionError, match="api_key_env=NAME") as caught:
        build_options(QdrantOptions, {"url": url}, "backend 'qdrant'")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "localhost:6333"),
        ("url", "http://host:port"),
        ("collection", ""),
        ("collection", "a/b"),
        ("timeout", "0"),
        ("batch_size", "0"),
        ("parallel", "0"),
        ("retries", "-1"),
        ("shard_number", "0"),
        ("quantization", "product"),
    ],
)
def test_options_that_no_server_could_take_are_refused(name, value):
    with pytest.raises(OptionError, match=f"{name}.*expected"):
        build_options(QdrantOptions, {name: value}, "backend 'qdrant'")


# -- gRPC ------------------------------------------------------------------------------------


class RpcError(Exception):
    """As grpc's: its name tells it, and it has a code."""

    def __init__(self, name: str, details: str = "") -> None:
        self._code = type("Code", (), {"name": name})
        self._details = details

    def code(self):
        return self._code

    def details(self):
        return self._details


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("UNAVAILABLE", Kind.PASSING),
        ("DEADLINE_EXCEEDED", Kind.PASSING),
        ("RESOURCE_EXHAUSTED", Kind.PASSING),
        ("UNAUTHENTICATED", Kind.KEY),
        ("PERMISSION_DENIED", Kind.KEY),
        ("NOT_FOUND", Kind.MISSING),
        ("ALREADY_EXISTS", Kind.EXISTS),
        ("INVALID_ARGUMENT", Kind.REFUSED),
    ],
)
def test_errors_of_grpc_mean_the_same(name, kind):
    assert failure_of(RpcError(name, "text"), 5).kind is kind


@pytest.mark.parametrize(
    ("details", "hint"),
    [
        ("address lookup failed for nowhere:6334: Domain name not found", "the host in the URL"),
        ("error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", "not speak TLS"),
    ],
)
def test_what_of_grpc_will_not_pass_is_told_from_its_text(details, hint):
    failure = failure_of(RpcError("UNAVAILABLE", details), 5)
    assert failure.kind is Kind.STRANGER
    assert hint in failure.hint


def test_a_wrong_key_is_said_by_grpc_too(connect, monkeypatch):
    monkeypatch.setenv("MY_KEY", "wr0ng")
    with GrpcDouble(Store(), "s3cret") as double:
        connection = connect(grpc=True, grpc_port=double.port, api_key_env="MY_KEY")
        with pytest.raises(UnavailableError, match="does not take the key.*MY_KEY"):
            ask(connection)


def test_a_collection_that_is_gone_is_said_by_grpc_too(connect):
    with GrpcDouble(Store()) as double:
        connection = connect(grpc=True, grpc_port=double.port)
        with pytest.raises(DamagedIndexError, match="NOT_FOUND.*doesn't exist"):
            connection.call("looking", lambda client: client.get_collection("gone"))


def test_grpc_is_asked_where_it_was_wanted(server, connect):
    """No server speaks gRPC at that port: the error is of that protocol."""
    with pytest.raises(UnavailableError, match="answers UNAVAILABLE"):
        ask(connect(grpc=True, grpc_port=1, retries=0, timeout=5))
    assert server.log == []
