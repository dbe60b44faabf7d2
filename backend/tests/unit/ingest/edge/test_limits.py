"""What is not let in: too much, too slow, without room; and senders who go away."""

from __future__ import annotations

import gzip
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytest_django import Settings

from app.core.errors import OverLimit
from app.ingest.edge.admission import BodyMemory, Limits
from app.ingest.protocols.records import BodyLimits
from tests.unit.ingest.edge.server import (
    ALICES_KEY,
    CHARLIES_KEY,
    PATIENCE_SECONDS,
    answer_of,
    served,
)

PATH = "/api/v1/logs/"
KEY = {"X-API-Key": ALICES_KEY, "Content-Type": "application/x-ndjson"}
HEAD = "POST /api/v1/logs/ HTTP/1.1\r\nHost: x\r\nX-API-Key: " + ALICES_KEY + "\r\n%s\r\n"
SMALL = Limits(body=BodyLimits(body_bytes=1000, record_bytes=500))
HASTY = Limits(body_seconds=0.2, least_bytes_per_second=1_000_000)


def head(*lines: str) -> bytes:
    return (HEAD % "".join(f"{line}\r\n" for line in lines)).encode()


@pytest.mark.parametrize("path", [PATH, "/x/_bulk"])
def test_a_body_over_the_limit_is_refused_as_a_whole(tmp_path: Path, path: str) -> None:
    with served(tmp_path, limits=SMALL) as edge, edge.client() as client:
        plain = client.post(path, content=b"{}\n" * 400, headers=KEY)
        chunked = client.post(path, content=iter([b"{}\n" * 200] * 2), headers=KEY)
        bomb = client.post(
            path, content=gzip.compress(b"{}\n" * 400), headers={**KEY, "Content-Encoding": "gzip"}
        )
        statuses = [plain.status_code, chunked.status_code, bomb.status_code]

        assert statuses == [413, 413, 413]
        assert "1000 bytes" in plain.text
        assert edge.batches() == []


def test_a_body_of_exactly_the_limit_is_taken(tmp_path: Path) -> None:
    body = (b'{"a":"%b"}\n' % (b"x" * 31)) * 25

    with served(tmp_path, limits=SMALL) as edge:
        answer = edge.post(PATH, content=body, headers=KEY)

        assert len(body) == 1000
        assert answer.json()["accepted"] == 25


def test_a_too_large_body_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    with (
        served(tmp_path, limits=SMALL) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(head("Content-Length: 5000", "Expect: 100-continue"))
        status, _, body = answer_of(connection)

        assert status == 413
        assert b"body_too_large" in body


def test_a_body_that_does_not_arrive_is_given_up(tmp_path: Path) -> None:
    with (
        served(tmp_path, limits=HASTY) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(head("Content-Length: 500") + b'{"a":1}\n')
        status, headers, body = answer_of(connection)

        assert status == 408
        assert b"request_timeout" in body
        assert headers["connection"] == "close"
        assert connection.recv(100) == b""
        assert edge.batches() == []


def test_a_slow_sender_gets_time_for_what_arrived(tmp_path: Path) -> None:
    # For its first line it gets eight seconds more.
    limits = Limits(body_seconds=0.2, least_bytes_per_second=1)
    with (
        served(tmp_path, limits=limits) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(head("Content-Length: 16") + b'{"a":1}\n')
        time.sleep(0.4)
        connection.sendall(b'{"a":2}\n')
        status, _, _ = answer_of(connection)

        assert status == 202
        assert edge.lines() == [b'{"a":1}', b'{"a":2}']


@pytest.mark.parametrize("sent", [b"", b'{"a":1}\n', b'{"a":1}\n{"a":2}\n{"a"'])
def test_a_sender_that_hangs_up_midway_leaves_nothing(tmp_path: Path, sent: bytes) -> None:
    with served(tmp_path) as edge:
        with socket.create_connection(("127.0.0.1", edge.port)) as connection:
            connection.sendall(head("Content-Length: 100") + sent)
        with socket.create_connection(("127.0.0.1", edge.port)) as connection:
            connection.sendall(head("Transfer-Encoding: chunked") + b"64\r\n" + sent)
        after = edge.post(PATH, content=b'{"after":1}', headers=KEY)

        assert after.status_code == 202
        assert edge.lines() == [b'{"after":1}']


def test_an_http_1_0_body_without_a_length_is_refused(tmp_path: Path) -> None:
    request = head().replace(b"HTTP/1.1", b"HTTP/1.0")
    with (
        served(tmp_path) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(request)

        assert answer_of(connection)[0] == 411


@pytest.mark.parametrize(("path", "action"), [(PATH, b""), ("/x/_bulk", b'{"create":{}}\n')])
def test_a_full_journal_refuses_whole_requests_and_says_when_to_come_back(
    tmp_path: Path, path: str, action: bytes
) -> None:
    chance = random.Random(7)  # what cannot be compressed fills a journal fast
    with served(tmp_path, journal_bytes=256 * 1024) as edge, edge.client(**KEY) as client:
        taken = 0
        for _ in range(20):
            lines = [b'{"pad":"%b"}' % chance.randbytes(10_000).hex().encode() for _ in range(2)]
            answer = client.post(path, content=b"".join(action + line + b"\n" for line in lines))
            if answer.status_code == 429:
                break
            taken += 1

        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "no room" in answer.text
        assert taken > 5
        assert len(edge.lines()) == 2 * taken


@pytest.mark.parametrize("user_agent", ["", "User-Agent: x\r\n"])
def test_only_who_cannot_read_a_refusal_gets_it_cut(tmp_path: Path, user_agent: str) -> None:
    request = (
        f"POST /_bulk HTTP/1.1\r\nHost: x\r\n{user_agent}X-API-Key: elkv_no\r\n"
        "Content-Length: 2\r\n\r\n{}"
    )
    with (
        served(tmp_path) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(request.encode())
        status, headers, body = answer_of(connection)

        missing = int(headers["content-length"]) - len(body)
        assert status == 401
        assert missing == (0 if user_agent else 1)
        assert body.endswith(b',"status":401}')


def test_a_broken_journal_is_unavailable_for_a_while(tmp_path: Path) -> None:
    with served(tmp_path) as edge:
        edge.journal.close()
        answer = edge.post(PATH, content=b"{}", headers=KEY)

        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["code"] == "journal_closed"


def test_waiting_until_indexed_ends_after_its_time(tmp_path: Path) -> None:
    with served(tmp_path, limits=Limits(indexed_seconds=0.1)) as edge:
        answer = edge.post(PATH, params={"wait_for": "indexed"}, content=b"{}", headers=KEY)

        assert answer.status_code == 202
        assert answer.json()["indexed"] is False
        assert edge.lines() == [b"{}"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{PATH}?wait_for=indexed", b"{}", 202),
        ("/x/_bulk?refresh=wait_for", b'{"create":{}}\n{}\n', 200),
    ],
)
def test_what_is_kept_is_not_refused_because_nobody_can_tell_when_it_is_indexed(
    tmp_path: Path, path: str, body: bytes, status: int
) -> None:
    limits = Limits(indexed_seconds=60)
    with served(tmp_path, limits=limits) as edge, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(edge.post, path, content=body, headers=KEY)
        while not edge.lines():
            time.sleep(0.01)
        edge.journal.close()
        answer = waiting.result()

        assert answer.status_code == status
        assert answer.json().get("indexed", False) is False


def test_who_waits_until_indexed_holds_no_memory(tmp_path: Path) -> None:
    limits = Limits(held_bytes=100, indexed_seconds=PATIENCE_SECONDS)
    body = b"{}\n" * 30
    with served(tmp_path, limits=limits) as edge, edge.client(**KEY) as client:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(
                edge.post, PATH, params={"wait_for": "indexed"}, content=body, headers=KEY
            )
            while not edge.lines():
                time.sleep(0.01)
            # What it holds is free a moment after its lines are in the journal.
            while (meanwhile := client.post(PATH, content=body)).status_code == 429:
                assert not waiting.done()
            edge.journal.mark_shipped(1)

        assert meanwhile.status_code == 202
        assert waiting.result().json()["indexed"] is True


def test_bodies_share_one_memory_and_one_always_fits() -> None:
    memory = BodyMemory(100)

    with memory.share("acme") as large:
        large.grow_to(500)
        with pytest.raises(OverLimit) as refused, memory.share("globex") as other:
            other.grow_to(1)
        assert refused.value.retry_after_seconds == 1
        assert memory.held == 500
    assert memory.held == 0


@pytest.mark.parametrize(
    ("sender", "address", "status"),
    [
        (ALICES_KEY, "192.0.2.1", 429),
        (ALICES_KEY, "192.0.2.2", 429),
        (CHARLIES_KEY, "192.0.2.1", 429),
        (CHARLIES_KEY, "192.0.2.2", 202),
    ],
)
def test_an_upload_that_stands_still_takes_room_from_its_own_sender_alone(
    tmp_path: Path, settings: Settings, sender: str, address: str, status: int
) -> None:
    settings.TRUSTED_PROXIES = 1
    with (
        served(tmp_path, limits=Limits(held_bytes=1000)) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(
            head("Content-Length: 600", "X-Forwarded-For: 192.0.2.1", "Expect: 100-continue")
        )
        # From here on it has its room.
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        answer = edge.post(
            PATH,
            content=b"{}\n" * 50,
            headers={**KEY, "X-API-Key": sender, "X-Forwarded-For": address},
        )

        assert answer.status_code == status
        if status == 429:
            assert answer.json()["code"] == "intake_busy"


def test_much_that_has_arrived_is_no_leave_to_be_silent(tmp_path: Path) -> None:
    limits = Limits(silence_seconds=0.2, least_bytes_per_second=1)
    with (
        served(tmp_path, limits=limits) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=60) as connection,
    ):
        connection.sendall(head("Content-Length: 1000") + b"{}\n" * 300)

        assert answer_of(connection)[0] == 408
        assert edge.batches() == []


def test_a_body_that_is_alone_fits_also_when_it_grows(tmp_path: Path) -> None:
    lines = b"".join(b'{"a":"%x"}\n' % random.getrandbits(256) for _ in range(20))
    with served(tmp_path, limits=Limits(held_bytes=1_000)) as edge, edge.client(**KEY) as client:
        encoded = client.post(
            PATH, content=gzip.compress(lines), headers={"Content-Encoding": "gzip"}
        )
        chunked = client.post(PATH, content=iter([lines[:900], lines[900:]]))

        assert [one.status_code for one in (encoded, chunked)] == [202, 202]
        assert len(edge.lines()) == 40


def test_a_request_without_memory_for_its_body_comes_back_later(tmp_path: Path) -> None:
    with (
        served(tmp_path, limits=Limits(held_bytes=1000)) as edge,
        socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(head("Content-Length: 900", "Expect: 100-continue"))
        # From here on it has its room. One that came meanwhile might have been first.
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        busy = edge.post(PATH, content=b"{}\n" * 100, headers=KEY)
        connection.sendall(b"{}\n" * 300)
        status, _, _ = answer_of(connection)
        after = edge.post(PATH, content=b"{}\n" * 100, headers=KEY)

        assert busy.status_code == 429
        assert busy.json()["code"] == "intake_busy"
        assert busy.headers["retry-after"] == "1"
        assert (status, after.status_code) == (202, 202)
