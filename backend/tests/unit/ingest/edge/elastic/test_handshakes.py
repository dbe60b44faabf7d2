"""What each shipper of the table in protocols.md does when it connects, byte for byte.

A case is a file in tests/cases/handshakes: `-->` lines are the bytes of a request, `<--` lines say
what the answer must be: the status, `header name: beginning`, `body` (all of it), `contains`,
`lacks`, `items` (how many) or `empty`.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.ingest.edge.server import ALICES_KEY, CHARLIES_KEY, Served, answer_of, served

CASES = Path(__file__).parents[4] / "cases" / "handshakes"


@dataclass
class Step:
    """One request and what is expected of its answer."""

    sent: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)


def steps_of(path: Path) -> Iterator[Step]:
    step = Step()
    for line in path.read_text().splitlines():
        if line.startswith("-->"):
            if step.expected:
                yield step
                step = Step()
            step.sent.append(line[4:])
        elif line.startswith("<--"):
            step.expected.append(line[4:])
        else:
            assert not line or line.startswith("#"), line
    yield step


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def bytes_of(step: Step, host: str, key: str) -> bytes:
    """The request with this server's address and a key filled in; lines of the head end in CRLF,
    those of the body in LF."""
    end = step.sent.index("") if "" in step.sent else len(step.sent)
    body = "".join(f"{line}\n" for line in step.sent[end + 1 :]).encode()
    head = "".join(f"{line}\r\n" for line in step.sent[:end])
    for name, text in {
        "host": host,
        "length": str(len(body)),
        "basic": f"Basic {base64_of('elastic:' + key)}",
        "apikey": f"ApiKey {key}",
        "apikey64": f"ApiKey {base64_of('some-id:' + key)}",
    }.items():
        head = head.replace(f"{{{name}}}", text)
    return head.encode() + b"\r\n" + body


def check(expectation: str, host: str, answer: tuple[int, dict[str, str], bytes]) -> None:
    status, headers, raw = answer
    body = raw.decode()
    word, _, text = expectation.replace("{host}", host).partition(" ")
    match word:
        case "header":
            name, _, beginning = text.partition(": ")
            assert headers[name.lower()].startswith(beginning)
        case "body":
            assert body == text
        case "contains":
            assert text in body
        case "lacks":
            assert text not in body
        case "items":
            assert len(json.loads(body)["items"]) == int(text)
        case "empty":
            assert body == ""
        case _:
            assert str(status) == word, body


def replay(path: Path, edge: Served, key: str) -> None:
    host = f"127.0.0.1:{edge.port}"
    with socket.create_connection(("127.0.0.1", edge.port), timeout=60) as connection:
        for step in steps_of(path):
            connection.sendall(bytes_of(step, host, key))
            answer = answer_of(connection, is_head=step.sent[0].startswith("HEAD "))
            for expectation in step.expected:
                try:
                    check(expectation, host, answer)
                except AssertionError as error:
                    error.add_note(f"{path.name}: {step.sent[0]}: expected {expectation!r}")
                    raise


@pytest.mark.parametrize("path", sorted(CASES.glob("*.case")), ids=lambda path: path.stem)
def test_a_shipper_connects_and_delivers(path: Path, tmp_path: Path) -> None:
    with served(tmp_path) as edge:
        replay(path, edge, ALICES_KEY)
        before = len(edge.lines())
        # What Alice declared is nobody else's: Charlie finds everything as new as she did.
        replay(path, edge, CHARLIES_KEY)

        assert before > 0
        assert len(edge.lines()) == 2 * before
        assert len({batch.org_id for batch in edge.batches()}) == 2


def test_every_shipper_of_the_table_has_its_case() -> None:
    assert {path.stem for path in CASES.glob("*.case")} >= {
        "logstash",
        "filebeat",
        "fluent_bit",
        "vector",
        "omelasticsearch",
        "elasticsearch_py_8",
        "elasticsearch_py_9",
        "otel_elasticsearchexporter",
        "fluentd",
    }
