"""The command line's client, against a real HTTP server that answers what it is told to."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.cli.client import Answer, Client, CommandFailed

Canned = tuple[int, dict[str, str], bytes]


class Server(http.server.ThreadingHTTPServer):
    """Answers one after the other, then the last one again; remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Canned] = [(200, {}, b"{}")]
        self.asked: list[tuple[str, str, bytes, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, body, self.headers["Authorization"]))
        answers = self.server.answers
        status, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Sleeps:
    """Remembers how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def persist(client: Client, patience: float = 60.0) -> Answer:
    return client.persist(
        "POST", "/x", b"body", content_type="text/plain", patience_seconds=patience
    )


def test_a_request_carries_the_key_and_the_body(server: Server) -> None:
    client = Client(server.url)
    client.authorization = "ApiKey k"
    assert client.send_json("/path", {"a": 1}).expect(200).json() == {}
    assert server.asked == [("POST", "/path", b'{"a": 1}', "ApiKey k")]
    client.close()


def test_a_refusal_is_told_in_the_words_of_the_service(server: Server) -> None:
    problem = {
        "detail": "the query is wrong",
        "errors": [{"field": "q", "code": "x", "detail": "a quote is missing"}],
    }
    server.answers = [(400, {}, json.dumps(problem).encode())]
    client = Client(server.url)
    with pytest.raises(CommandFailed, match=r"400: the query is wrong; q: a quote is missing"):
        client.request("GET", "/").expect(200)
    client.close()


def test_a_busy_service_is_asked_again_when_it_says_so(server: Server) -> None:
    server.answers = [
        (429, {"Retry-After": "3"}, b""),
        (503, {}, b""),
        (503, {}, b""),
        (202, {}, b"ok"),
    ]
    sleeps = Sleeps()
    client = Client(server.url, sleep=sleeps)
    assert persist(client).body == b"ok"
    assert sleeps.seconds[0] == 3.0
    assert sleeps.seconds[1] < sleeps.seconds[2]
    assert {body for _, _, body, _ in server.asked} == {b"body"}
    client.close()


def test_patience_ends(server: Server) -> None:
    server.answers = [(503, {}, b"")]
    sleeps = Sleeps()
    client = Client(server.url, sleep=sleeps)
    assert persist(client, patience=2.0).status == 503
    assert sum(sleeps.seconds) < 5
    client.close()


def test_a_refusal_that_no_waiting_helps_against_comes_at_once(server: Server) -> None:
    server.answers = [(401, {}, b"")]
    sleeps = Sleeps()
    client = Client(server.url, sleep=sleeps)
    assert persist(client).status == 401
    assert sleeps.seconds == []
    client.close()


def test_a_service_that_is_away_is_waited_for_and_then_given_up(server: Server) -> None:
    client = Client("http://127.0.0.1:9", sleep=Sleeps())
    with pytest.raises(CommandFailed, match="no answer from the service"):
        persist(client, patience=1.0)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(CommandFailed, match="is not an address"):
        Client(url)
