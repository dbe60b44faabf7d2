"""A move of records is killed again and again, and started again: nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import orjson
import pytest

from app.core.ids import OrgId
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.stock import ElasticStock
from app.logstore.moving import ALL
from app.logstore.partitions import period_of
from app.logstore.types import NS_PER_DAY
from app.streams.known_places import READERS_FRESH_SECONDS
from tests.elastic_indices import delete_indices
from tests.process.programs import Program, environment_of, manage
from tests.process.service import Service, Tenant, report

pytestmark = [pytest.mark.process, pytest.mark.elastic]

HOSTS = os.environ.get("ELASTICSEARCH_HOSTS", "")
KILLS = 20 if os.environ.get("SOAK") else 3
OURS, THEIRS = 2_000, 200
TWO_WEEKS_NS = 14 * NS_PER_DAY


@pytest.fixture
def prefix() -> Iterator[str]:
    """Begins the names of this test's indices."""
    own = f"m{os.urandom(6).hex()}"
    yield own
    delete_indices(own)


def lines(count: int) -> list[bytes]:
    """Records that can be told apart, some with an id of the sender's."""
    made = []
    for i in range(count):
        record = {"message": f"line {i}", "mark": f"m{i}", "n": i, "a": {"b": [i, "x"]}}
        made.append(orjson.dumps(record if i % 7 else {**record, "id": f"sent {i}"}))
    return made


def was_killed(
    environment: dict[str, str],
    *arguments: str,
    chance: random.Random | None,
    is_first: bool = False,
) -> bool:
    """Runs the command and kills it somewhere, if there is a chance and it is not faster; the first
    time as soon as it begins."""
    program = Program(("manage.py", "move_logs", *arguments), environment)
    program.start()
    try:
        if is_first:
            program.hear("copying")
            program.kill()
            return True
        if chance is not None:
            # One that goes on may have copied everything the last time.
            word = chance.choice((r"copying|emptying", r"copying|emptying", "emptying"))
            with suppress(AssertionError):
                program.hear(word)
            time.sleep(chance.uniform(0, 0.5))
            if program.is_running():
                program.kill()
                return True
        assert program.wait(600) == 0, program.told
        return False
    finally:
        program.close()


def killed_times(environment: dict[str, str], *arguments: str, chance: random.Random) -> int:
    """Runs the command until it ends by itself; how often it was killed before."""
    killed = int(was_killed(environment, *arguments, chance=None, is_first=True))
    while was_killed(environment, *arguments, chance=chance if killed < KILLS else None):
        killed += 1
    return killed


def refusal(environment: dict[str, str], *arguments: str) -> str:
    """What the command said when it did nothing."""
    program = Program(("manage.py", "move_logs", *arguments), environment)
    program.start()
    assert program.wait(300) == 1, program.told
    return program.told


def hits(tenant: Tenant) -> list[dict[str, Any]]:
    """Everything that was sent, in one order whatever the store."""
    found = [hit for page in tenant.pages("mark:*") for hit in page]
    return sorted(found, key=lambda hit: hit["id"])


def test_a_service_moves_to_elasticsearch_and_back_while_its_moves_are_killed(
    own_service: Service, prefix: str
) -> None:
    own_service.start()
    acme, globex = own_service.join("Acme"), own_service.join("Globex")
    acme.send(lines(OURS))
    globex.send(lines(THEIRS))
    ours, theirs = hits(acme), hits(globex)
    assert (len(ours), len(theirs)) == (OURS, THEIRS)
    elsewhere = {"ELASTICSEARCH_HOSTS": HOSTS, "ELASTICSEARCH_INDEX_PREFIX": prefix}
    environment = environment_of(own_service.data_dir, **elsewhere)
    embedded = f"embedded:{own_service.data_dir / 'logs'}"
    forth = ("--from", embedded, "--to", "elasticsearch", "--batch-records", "100")
    back = ("--to", embedded, "--from", "elasticsearch", "--batch-records", "100")
    # While its shipper runs nothing is moved.
    assert "a shipper writes" in refusal(environment, "acme", *forth)
    own_service.stop()

    seed = random.randrange(2**32)
    chance = random.Random(seed)
    killed = killed_times(environment, "acme", *forth, chance=chance)
    report(f"seed {seed}: killed {killed} times")
    own_service.start()
    assert hits(acme) == []
    assert hits(globex) == theirs
    own_service.stop()

    own_service.environment |= elsewhere
    own_service.start()
    assert hits(acme) == ours
    assert hits(globex) == []
    acme.send([b'{"message":"after the move","late":1}'])
    assert acme.count() == OURS + 1
    own_service.stop()

    assert not was_killed(environment, "globex", *forth, chance=None)
    killed = killed_times(environment, "acme", *back, chance=chance)
    report(f"killed {killed} times on the way back")
    own_service.start()
    assert (hits(globex), acme.count()) == (theirs, 0)
    own_service.stop()
    own_service.environment |= dict.fromkeys(elsewhere, "")
    own_service.start()
    assert hits(acme) == ours
    assert acme.count("late:1") == 1
    assert acme.count() == OURS + 1


def _received_two_weeks_ago(location: str) -> None:
    """Gives all records an earlier receive time, and the partitions that belong to it."""
    stock, cluster = ElasticStock(location), Cluster(location)
    answer = cluster.search(
        cluster.partitions, {"query": {"exists": {"field": "ts"}}, "size": 9_999}
    )
    for tag in {hit["_source"]["org"] for hit in answer["hits"]["hits"]}:
        org_id = OrgId(UUID(tag))
        for home in stock.homes(org_id):
            for batch in stock.batches(org_id, home, 1_000):
                earlier = [
                    one._replace(observed_ns=one.observed_ns - TWO_WEEKS_NS) for one in batch
                ]
                period = period_of(home.retention_class, earlier[0].observed_ns)
                stock.put(home._replace(period=period), earlier)
                stock.settle(home._replace(period=period))
            assert sum(stock.remove(org_id, home, ALL, lambda batch: batch, 1_000))
    stock.close()
    cluster.close()


def test_a_move_to_own_partitions_is_killed_while_people_search(
    own_service: Service, prefix: str
) -> None:
    elsewhere = {"ELASTICSEARCH_HOSTS": HOSTS, "ELASTICSEARCH_INDEX_PREFIX": prefix}
    own_service.environment |= elsewhere
    own_service.start()
    acme, globex = own_service.join("Acme"), own_service.join("Globex")
    acme.send(lines(OURS))
    globex.send(lines(THEIRS))
    _received_two_weeks_ago(f"{HOSTS}#{prefix}")
    ours, theirs = hits(acme), hits(globex)
    assert (len(ours), len(theirs)) == (OURS, THEIRS)
    environment = environment_of(own_service.data_dir, **elsewhere)
    arguments = ("acme", "--to", "own", "--offline", "--batch-records", "100")

    seed = random.randrange(2**32)
    chance = random.Random(seed)
    killed = 0
    while killed < KILLS and was_killed(
        environment, *arguments, chance=chance, is_first=not killed
    ):
        killed += 1
        # By then every search has learned how far it is.
        time.sleep(READERS_FRESH_SECONDS + 0.5)
        assert hits(acme) == ours
        assert hits(globex) == theirs
    said = manage(environment, "move_logs", *arguments)
    report(f"seed {seed}: killed {killed} times\n{said}")
    time.sleep(READERS_FRESH_SECONDS + 0.5)
    assert hits(acme) == ours
    assert hits(globex) == theirs
    cluster = Cluster(f"{HOSTS}#{prefix}")
    records = {"query": {"exists": {"field": "ts"}}}
    assert cluster.call("POST", f"/{prefix}-30d-pool0-*/_count", body=records)["count"] == THEIRS
    cluster.close()
