"""Records of one single instant, page by page, while more of them arrive."""

import os
import threading
from collections import Counter

import orjson

from tests.process.service import Service, Tenant, report

RECORDS = 1_000_000 if os.environ.get("SOAK") else 100_000
BATCH = 5_000
LATER = 50  # five times a second: slower than pages are turned, or there would be no last one
SETTLE_SECONDS = 300.0
AT = "2026-03-01T12:00:00.123456789Z"


def test_records_of_one_instant_come_once_each_while_more_arrive(own_service: Service) -> None:
    own_service.start()
    tenant = own_service.join("Acme")
    for start in range(0, RECORDS, BATCH):
        send(tenant, "first", start, BATCH)
    tenant.wait_until_indexed(SETTLE_SECONDS)
    assert tenant.count("kind:first") == RECORDS
    stop = threading.Event()
    later = threading.Thread(target=keep_sending, args=(tenant, stop), daemon=True)
    later.start()
    seen: Counter[int] = Counter()
    pages = 0
    ids: list[str] = []
    for page in tenant.pages("instant:one", sort="@timestamp"):
        pages += 1
        ids += [hit["id"] for hit in page]
        seen.update(hit["attributes"]["n"] for hit in page if hit["attributes"]["kind"] == "first")
    stop.set()
    later.join(30)
    report(f"{len(ids)} records in {pages} pages, {len(ids) - len(seen)} of them arrived meanwhile")
    assert len(seen) == RECORDS
    assert set(seen.values()) == {1}
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def send(tenant: Tenant, kind: str, start: int, count: int) -> None:
    lines = [
        orjson.dumps({"@timestamp": AT, "message": "same", "instant": "one", "kind": kind, "n": n})
        for n in range(start, start + count)
    ]
    with tenant.client() as client:
        answer = client.post("/api/v1/logs/", content=b"\n".join(lines))
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == count


def keep_sending(tenant: Tenant, stop: threading.Event) -> None:
    number = 0
    while not stop.wait(0.2):
        send(tenant, "later", number, LATER)
        number += LATER
