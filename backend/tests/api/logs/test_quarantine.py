"""A bad line's way back: found by search, repaired, replayed, found once, marked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from app.audit.models import AuditEntry
from app.core.clock import SYSTEM_CLOCK, utc_now
from app.core.errors import Full
from app.core.ids import OrgId, uuid7_run
from app.core.scope import Scope
from app.ingest.directory import DefaultStreams
from app.ingest.shipping.pace import Pace
from app.ingest.shipping.shipper import Parts
from app.ingest.shipping.stopping import Stop
from app.journal import process
from app.journal.batch import Batch, encode
from app.journal.journal import Journal
from app.logs.models import Replay
from app.logs.selectors import entry_key
from app.logs.services import replay_entry
from tests.api.logs.conftest import Shelf
from tests.conformance.records import NOON_NS, a_sent_record
from tests.conftest import Person, client_with
from tests.shipping import shipping, until

PATH = "/api/v1/quarantine/"
SEARCH = "/api/v1/logs/search/"
BAD_LINE = b'{"message": "half a li'
GOOD_LINE = '{"message": "a whole line", "status": 7}'
ALWAYS: dict[str, Any] = {"from": 0, "to": "2262-01-01"}
QUICK = Pace(commit_seconds=0.02)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """The journal of this process."""
    process.close()
    process.configure(tmp_path / "journal", max_bytes=4 << 20)
    yield process.journal()
    process.close()


def running(journal: Journal, shelf: Shelf) -> AbstractContextManager[Stop]:
    """The shipper runs meanwhile; afterwards everything is shipped."""
    return shipping(Parts(journal, shelf.writer, DefaultStreams()), QUICK)


def quarantine(
    journal: Journal,
    shelf: Shelf,
    org_id: OrgId,
    line: bytes = BAD_LINE,
    *,
    protocol: str = "ndjson",
    sent_id: str | None = None,
) -> str:
    """Takes a bad line in; the id of its entry."""
    batch = Batch(
        org_id=org_id,
        received_ns=NOON_NS,
        first_id=uuid7_run(NOON_NS // 1_000_000),
        protocol=protocol,
        lines=[line],
        ids=None if protocol == "ndjson" else [sent_id],
        bad={0: "invalid_json"},
    )
    number = journal.append([encode(batch)])
    ship(journal, shelf, number)
    return batch.id_of(0)


def ship(journal: Journal, shelf: Shelf, number: int) -> None:
    """Waits until the entry of the journal is found."""
    with running(journal, shelf):
        until(lambda: journal.state().shipped_number >= number)


def replay(person: Person, entry_id: str, raw: str | None = GOOD_LINE, **asked: str) -> Any:
    """The answer to a replay."""
    path = f"{PATH}{quote(entry_id, safe='')}/replay/"
    query = "".join(f"?{name}={value}" for name, value in asked.items())
    return person.client.post(path + query, {} if raw is None else {"raw": raw})


def hits(person: Person, **asked: Any) -> list[dict[str, Any]]:
    """What a search over all time finds."""
    answer = person.client.get(SEARCH, {**ALWAYS, **asked})
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


def test_a_bad_line_is_found_repaired_replayed_and_marked(
    alice: Person, bob: Person, charlie: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    listed = bob.client.get(PATH, {**ALWAYS, "q": "reason:invalid_json"}).json()
    assert [hit["id"] for hit in listed["hits"]] == [entry_id]
    assert listed["hits"][0]["attributes"] == {
        "reason": "invalid_json",
        "source": "ndjson",
        "stream": "default",
        "raw": BAD_LINE.decode(),
    }
    assert listed["hits"][0]["replayed"] is None
    assert hits(alice) == []

    with running(journal, shelf):
        answer = replay(alice, entry_id, wait_for="indexed")
        assert answer.status_code == 202, answer.json()
        assert answer.json()["indexed"] is True
        assert [hit["message"] for hit in hits(alice, q="status:7")] == ["a whole line"]

    mark = answer.json()["replayed"]
    assert mark["by"] == {"kind": "user", "id": str(alice.user_id)}
    (record,) = hits(alice)
    assert (record["id"], record["stream"]) == (mark["record_id"], "default")
    assert bob.client.get(f"{PATH}{entry_id}/").json()["replayed"] == mark
    relisted = bob.client.get(PATH, ALWAYS).json()
    assert [hit["replayed"] for hit in relisted["hits"]] == [mark]
    assert charlie.client.get(PATH, ALWAYS).json()["hits"] == []


def test_the_second_replay_is_refused_and_stores_nothing(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    assert replay(alice, entry_id).status_code == 202
    for raw in (GOOD_LINE, '{"message": "another"}'):
        again = replay(alice, entry_id, raw)
        assert (again.status_code, again.json()["code"]) == (409, "already_replayed")
    ship(journal, shelf, journal.state().last_number)
    assert len(hits(alice)) == 1
    (entry,) = AuditEntry.objects.for_scope(alice.scope).filter(action="quarantine_entry_replayed")
    assert entry.after is not None
    assert entry.after["entry_id"] == entry_id
    assert entry.actor_id == str(alice.user_id)


def test_charlie_finds_and_replays_nothing_of_acme(
    alice: Person, charlie: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    before = journal.state().last_number
    assert charlie.client.get(f"{PATH}{entry_id}/").status_code == 404
    assert replay(charlie, entry_id).status_code == 404
    assert charlie.client.get(PATH, ALWAYS).json()["total"]["value"] == 0
    assert journal.state().last_number == before
    assert Replay.unscoped.count() == 0


def test_bob_may_look_and_not_replay(
    alice: Person,
    bob: Person,
    shelf: Shelf,
    journal: Journal,
    acme_ingest_key: str,
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    assert bob.client.get(f"{PATH}{entry_id}/").status_code == 200
    answer = replay(bob, entry_id)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    sender = client_with(Authorization=f"ApiKey {acme_ingest_key}")
    assert sender.get(PATH).status_code == 403
    assert sender.get(f"{PATH}{entry_id}/").status_code == 403


def test_a_line_that_still_cannot_be_read_is_refused_with_the_reason(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    before = journal.state().last_number
    for raw, code in ((None, "invalid_json"), ("[1]", "not_an_object"), ("nope", "invalid_json")):
        answer = replay(alice, entry_id, raw)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert journal.state().last_number == before
    assert replay(alice, entry_id).status_code == 202


@pytest.mark.parametrize(
    ("body", "query", "name"),
    [
        ({"raw": 5}, "", "raw"),
        ({"line": "x"}, "", "line"),
        ({"raw": "{}"}, "?wait_for=forever", "wait_for"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(
    alice: Person, shelf: Shelf, journal: Journal, body: dict[str, Any], query: str, name: str
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    answer = alice.client.post(f"{PATH}{entry_id}/replay/{query}", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == name


def test_the_senders_own_id_stays_the_records(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    mark = replay(alice, entry_id, '{"id": "own", "message": "m"}').json()["replayed"]
    ship(journal, shelf, journal.state().last_number)
    assert [hit["id"] for hit in hits(alice)] == [mark["record_id"]] == ["own"]


def test_an_id_with_half_a_surrogate_pair_is_the_one_that_the_record_gets(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    answer = replay(alice, entry_id, r'{"id": "\ud800own", "message": "m"}')
    assert answer.status_code == 202
    ship(journal, shelf, journal.state().last_number)
    ids = [hit["id"] for hit in hits(alice)]
    assert ids == [answer.json()["replayed"]["record_id"]] == ["\ufffdown"]


def test_of_a_bulk_request_the_actions_id_stays_the_records(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id, protocol="es_bulk", sent_id="action")
    assert replay(alice, entry_id, '{"id": "inside", "message": "m"}').status_code == 202
    ship(journal, shelf, journal.state().last_number)
    (record,) = hits(alice)
    assert (record["id"], record["attributes"]) == ("action", {"id": "inside"})


def test_an_ordinary_record_is_no_entry(alice: Person, shelf: Shelf, journal: Journal) -> None:
    shelf.put(a_sent_record("ordinary", org_id=alice.org_id))
    assert alice.client.get(f"{PATH}ordinary/").status_code == 404
    assert replay(alice, "ordinary").status_code == 404
    assert replay(alice, "no/such entry").status_code == 404


def test_a_replay_that_was_cut_off_is_finished_with_its_text(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    Replay.objects.create_for(
        alice.scope,
        entry_key=entry_key(entry_id),
        record_id="replay-begun",
        text=GOOD_LINE,
        actor_kind="user",
        actor_id="somebody",
        begun_at=utc_now(),
    )
    assert alice.client.get(f"{PATH}{entry_id}/").json()["replayed"] is None
    other = replay(alice, entry_id, '{"message": "another"}')
    assert (other.status_code, other.json()["code"]) == (409, "replay_unfinished")
    finished = replay(alice, entry_id, None)
    assert finished.status_code == 202
    assert finished.json()["replayed"]["by"]["id"] == str(alice.user_id)
    ship(journal, shelf, journal.state().last_number)
    assert [hit["id"] for hit in hits(alice)] == ["replay-begun"]


def test_without_room_nothing_is_marked(alice: Person, shelf: Shelf, journal: Journal) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    fill(journal)
    answer = replay(alice, entry_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "journal_full")
    assert answer["Retry-After"]
    journal.trim(journal.state().last_number)
    assert replay(alice, entry_id, '{"message": "another text"}').status_code == 202


def fill(journal: Journal) -> None:
    """Takes all the room there is, down to the last bytes."""
    noise = Random(7)
    for size in (500_000, 20_000, 1_000, 1):
        while has_room(journal, noise.randbytes(size)):
            pass


def has_room(journal: Journal, payload: bytes) -> bool:
    try:
        journal.append([payload])
    except Full:
        return False
    return True


def test_two_at_once_store_one_record(alice: Person, shelf: Shelf, journal: Journal) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)
    record_id = claimed_by_another(alice.scope, entry_id)
    assert replay(alice, entry_id).status_code == 202
    journal.append([sent_by_another(alice.scope, record_id)])
    ship(journal, shelf, journal.state().last_number)
    assert len(hits(alice)) == 1


def claimed_by_another(scope: Scope, entry_id: str) -> str:
    """Somebody begins to replay it at the same time with the same text; the id of the record."""
    key = entry_key(entry_id)
    Replay.objects.create_for(
        scope,
        entry_key=key,
        record_id=f"replay-{key}",
        text=GOOD_LINE,
        actor_kind="user",
        actor_id="bob",
        begun_at=utc_now(),
    )
    return f"replay-{key}"


def sent_by_another(scope: Scope, record_id: str) -> bytes:
    """Their journal entry. A sent id is remembered for a day, so it is of now like ours."""
    now_ns = SYSTEM_CLOCK.now_ns()
    return encode(
        Batch(
            org_id=scope.org_id,
            received_ns=now_ns,
            first_id=uuid7_run(now_ns // 1_000_000),
            protocol="replay",
            lines=[GOOD_LINE.encode()],
            ids=[record_id],
        )
    )


def test_not_found_in_time_is_said_so(alice: Person, shelf: Shelf, journal: Journal) -> None:
    entry_id = quarantine(journal, shelf, alice.org_id)

    class Hurrying:
        """Its seconds pass at once."""

        seconds = 0.0

        def now_ns(self) -> int:
            return NOON_NS

        def monotonic(self) -> float:
            self.seconds += 6
            return self.seconds

    outcome = replay_entry(
        alice.scope, entry_id=entry_id, text=GOOD_LINE, waits=True, clock=Hurrying()
    )
    assert outcome.is_indexed is False


def test_a_cursor_of_the_quarantine_is_not_one_of_the_search(
    alice: Person, shelf: Shelf, journal: Journal
) -> None:
    for _ in range(2):
        quarantine(journal, shelf, alice.org_id)
        shelf.put_record(alice.scope)
    entries = alice.client.get(PATH, {**ALWAYS, "page_size": 1}).json()
    following = alice.client.get(PATH, {"cursor": entries["next_cursor"]}).json()
    assert following["hits"][0]["id"] != entries["hits"][0]["id"]
    cursor = alice.client.get(SEARCH, {**ALWAYS, "page_size": 1}).json()["next_cursor"]
    answer = alice.client.get(PATH, {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_mismatch")
