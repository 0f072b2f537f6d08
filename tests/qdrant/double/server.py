"""The double as a server on loopback, and the faults that a test plants in it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from double.store import Refused, Store


@dataclass
class Fault:
    """Something that goes wrong with requests whose ``METHOD path`` matches.

    Attributes:
        act: gets the handler; true if it has answered in the server's place.
        left: for how many requests.
        after: the request is carried out before.
        skip: how many matching requests pass before.
    """

    pattern: re.Pattern[str]
    act: Callable[[Any], bool]
    left: int
    after: bool
    skip: int


class Double:
    """A server with faults. Use with ``with``; it answers at `url` from any process."""

    def __init__(self) -> None:
        self.store = Store()
        self.api_key = ""
        self.log: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    # -- life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts, or starts again at the same port."""
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Ends it: connections are refused. What it holds stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Double:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # -- faults ------------------------------------------------------------------------------

    def answer(
        self,
        status: int,
        times: int = 1,
        on: str = "",
        body: bytes | None = None,
        after: bool = False,
        skip: int = 0,
        **headers: str,
    ) -> None:
        """The next `times` requests that match `on` are answered with `status`."""
        text = body
        if text is None:
            text = json.dumps({"status": {"error": "planted"}, "time": 0}).encode()

        def act(handler: _Handler) -> bool:
            handler.send(status, text, {k.replace("_", "-"): v for k, v in headers.items()})
            return True

        self._plant(on, act, times, after, skip)

    def drop(self, times: int = 1, on: str = "", after: bool = False, skip: int = 0) -> None:
        """The connection is closed without an answer."""

        def act(handler: _Handler) -> bool:
            handler.close_connection = True
            return True

        self._plant(on, act, times, after, skip)

    def stall(self, release: threading.Event, times: int = 1, on: str = "") -> None:
        """No answer until `release` is set."""

        def act(handler: _Handler) -> bool:
            release.wait(60)
            handler.close_connection = True
            return True

        self._plant(on, act, times, False, 0)

    def call(
        self, what: Callable[[], object], on: str = "", after: bool = False, skip: int = 0
    ) -> None:
        """`what` is called at one request, which goes on as usual."""

        def act(handler: _Handler) -> bool:
            what()
            return False

        self._plant(on, act, 1, after, skip)

    def heal(self) -> None:
        """Takes all faults out."""
        with self._lock:
            self._faults.clear()

    def _plant(self, on: str, act: Any, times: int, after: bool, skip: int) -> None:
        with self._lock:
            self._faults.append(Fault(re.compile(on), act, times, after, skip))

    def fault_for(self, line: str) -> Fault | None:
        """The fault that strikes this request."""
        with self._lock:
            self.log.append(line)
            for fault in self._faults:
                if fault.left > 0 and fault.pattern.search(line):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.left -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    double: Double
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing on standard error."""

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.double.headers.append(dict(self.headers))
        self.double.bodies.append(body.decode())
        fault = self.double.fault_for(f"{self.command} {self.path}")
        if fault is not None and not fault.after and fault.act(self):
            return
        key = self.double.api_key
        if key and self.headers.get("api-key") != key:
            status, answer = 401, b"Must provide an API key or an Authorization bearer token"
        else:
            status, answer = self._answer(body)
        if fault is not None and fault.after and fault.act(self):
            return
        self.send(status, answer)

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        try:
            with self.double._lock:
                result = self._route(json.loads(body) if body else {})
        except Refused as error:
            return error.status, json.dumps({"status": {"error": str(error)}, "time": 0}).encode()
        except Exception as error:  # a wrong shape, or something that the double does not know
            text = f"Format error in JSON body: {type(error).__name__}: {error}"
            return 400, json.dumps({"status": {"error": text}, "time": 0}).encode()
        return 200, json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()

    def _route(self, body: dict) -> Any:
        parts = urlsplit(self.path)
        steps = [unquote(step) for step in parts.path.split("/")[1:]]
        named = len(steps) > 1 and steps != ["collections", "aliases"]
        name = steps.pop(1) if named else ""
        asked = f"{self.command} {'/'.join(steps)}{'*' if named else ''}"
        store = self.double.store
        routes: dict[str, Callable[[], Any]] = {
            "GET aliases": store.listed_aliases,
            "POST collections/aliases": lambda: store.change_aliases(body),
            "GET collections": store.listed,
            "GET collections*": lambda: store.info(name),
            "PUT collections*": lambda: store.create(name, body),
            "DELETE collections*": lambda: store.drop(name),
            "PUT collections/index*": lambda: store.create_index(name, body),
            "PUT collections/points*": lambda: store.upsert(
                name, body, parse_qs(parts.query).get("wait") == ["true"]
            ),
            "POST collections/points*": lambda: store.retrieve(name, body),
            "POST collections/points/delete*": lambda: store.delete(name, body),
            "POST collections/points/scroll*": lambda: store.scroll(name, body),
            "POST collections/points/count*": lambda: store.count(name, body),
            "POST collections/points/query/batch*": lambda: store.query(name, body),
            "POST collections/facet*": lambda: store.facet(name, body),
        }
        if asked not in routes:
            raise Refused(404, f"the double does not know {self.command} {parts.path}")
        return routes[asked]()

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815
