"""Real input over real HTTP: sixteen thousand lines in, two hundred searches counted like grep."""

import httpx
import orjson
import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from tests.conformance.loghub_truth import Line, loghub_directory, questions, read_lines
from tests.process.loghub import rows_as_records, texts_by_set
from tests.process.service import Service, Tenant

LEVEL_FREE = ("word", "both", "phrase", "not")


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return read_lines(loghub_directory())


@pytest.fixture(scope="module")
def as_text(service: Service, lines: list[Line]) -> Tenant:
    """The log files, sent as they are: one text line is one record."""
    tenant = service.join("Texts")
    for texts in texts_by_set(lines).values():
        told = tenant.send(texts, content_type="text/plain")
        assert (told["accepted"], told["rejected"], told["quarantined"]) == (2_000, 0, 0)
    return tenant


@pytest.fixture(scope="module")
def as_json(service: Service, lines: list[Line]) -> Tenant:
    """The parsed tables, as NDJSON."""
    tenant = service.join("Tables")
    records = rows_as_records(lines)
    for start in range(0, len(records), 2_000):
        told = tenant.send([orjson.dumps(record) for record in records[start : start + 2_000]])
        assert told["accepted"] == 2_000
    return tenant


@pytest.fixture(scope="module")
def as_bulk(service: Service, lines: list[Line]) -> Tenant:
    """The parsed tables, through elasticsearch-py's own bulk helper."""
    tenant = service.join("Bulks")
    with Elasticsearch(tenant.url, api_key=tenant.key, request_timeout=60) as client:
        stored, errors = bulk(
            client,
            (
                {"_op_type": "create", "_index": f"loghub-{line.source.lower()}", **record}
                for line, record in zip(lines, rows_as_records(lines), strict=True)
            ),
            chunk_size=1_000,
        )
    assert (stored, errors) == (16_000, [])
    tenant.send([b'{"message":"theveryend"}'])
    return tenant


def wrong_counts(
    tenant: Tenant, lines: list[Line], kinds: tuple[str, ...] | None = None
) -> dict[str, tuple[int, int]]:
    """The questions whose count over HTTP is not the count over the lines."""
    wrong = {}
    asked = [one for one in questions(lines) if kinds is None or one.kind in kinds]
    with tenant.client() as client:
        for question in asked:
            total = tenant.search(client, f"({question.query}) NOT theveryend", page_size=1)
            if total["total"] != {"value": (truth := question.count(lines)), "relation": "eq"}:
                wrong[question.query] = (total["total"]["value"], truth)
    return wrong


def test_lines_sent_as_text_are_counted_like_grep(as_text: Tenant, lines: list[Line]) -> None:
    assert as_text.count() == 16_000
    assert wrong_counts(as_text, lines, LEVEL_FREE) == {}


def test_lines_sent_as_json_are_counted_like_grep(as_json: Tenant, lines: list[Line]) -> None:
    assert as_json.count() == 16_000
    assert wrong_counts(as_json, lines) == {}


def test_lines_sent_in_bulk_are_counted_like_grep(as_bulk: Tenant, lines: list[Line]) -> None:
    assert as_bulk.count("NOT theveryend") == 16_000
    assert wrong_counts(as_bulk, lines) == {}


@pytest.mark.parametrize("name", ["Apache", "OpenSSH"])
def test_the_columns_of_a_table_can_be_searched(as_json: Tenant, name: str) -> None:
    expected = sum(
        record["csv"]["EventId"] == "E2" and record["service"] == name.lower()
        for record in rows_as_records(read_lines(loghub_directory()))
    )
    assert as_json.count(f"service:{name.lower()} csv.EventId:E2") == expected


def test_one_tenant_sees_nothing_of_the_others(
    service: Service, as_text: Tenant, as_json: Tenant
) -> None:
    charlie = service.join("Globex")
    assert charlie.count() == 0
    with httpx.Client(base_url=service.url, timeout=60) as client:
        assert client.get("/api/v1/logs/search/").status_code == 401
    assert as_text.count("csv.EventId:*") == 0
    assert as_json.count("csv.EventId:*") == 16_000
