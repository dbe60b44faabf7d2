"""A proxy before a real server that remembers every request, may speak TLS, and may be in the way."""

from __future__ import annotations

import gzip
import http.client
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True)
class Request:
    """What went through: `headers` with lower-case names, `body` uncompressed."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class RecordingProxy:
    """`upstream` is the address of the server behind; a `certificate` file makes it speak TLS."""

    def __init__(self, upstream: str, *, certificate: Path | None = None) -> None:
        self.requests: list[Request] = []
        # By the beginning of their paths: requests that it answers itself, with this status.
        self.answers: dict[str, int] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = urlsplit(upstream).netloc
        self._server.requests = self.requests
        self._server.answers = self.answers
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake in the connection's own thread: a client that refuses must not stop all.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def before(self, location: Path) -> Path:
        """The same indices of an Elasticsearch, reached through this."""
        return Path(f"{self.url}#{str(location).partition('#')[2]}")

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    upstream: str
    requests: list[Request]
    answers: dict[str, int]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not trust us, is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        self.server.requests.append(Request(self.command, self.path, headers, plain))
        for beginning, status in self.server.answers.items():
            if self.path.startswith(beginning):
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
                return
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        kept = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
        connection.request(self.command, self.path, body or None, kept)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


for _method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
    setattr(_Handler, f"do_{_method}", _Handler.pass_on)
