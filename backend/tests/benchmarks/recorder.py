"""Stands between the service and Elasticsearch, passes everything on and writes down the requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

from typing_extensions import override

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Recorder:
    """A proxy on a port of its own while it is entered."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._recorded: list[Recorded] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self) -> list[Recorded]:
        """What was asked since the last call, but for what only looks after the cluster."""
        taken = [one for one in self._recorded if "search" in one.path]
        self._recorded.clear()
        return taken

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        target, recorded = self._target, self._recorded

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in _HOP_BY_HOP
                }
                recorded.append(Recorded(self.command, self.path, headers, body))
                connection = HTTPConnection(target.hostname or "", target.port, timeout=60)
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                told = answer.read()
                connection.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

        passed_on = {f"do_{method}": Handler.pass_on for method in _METHODS}
        return type("PassingOn", (Handler,), passed_on)
