"""A lease in the database: one holder, also after a death."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from app.core.mongodb.lease import COLLECTION, Lease


@pytest.fixture
def database() -> Iterator[Any]:
    client: MongoClient[Any] = MongoClient(os.environ["MONGO_HOST"], int(os.environ["MONGO_PORT"]))
    name = f"lease_{os.urandom(4).hex()}"
    yield client[name]
    client.drop_database(name)
    client.close()


def test_one_holds_it_at_a_time(database: Any) -> None:
    first, second = Lease(database, "a"), Lease(database, "a")
    other = Lease(database, "b")
    assert first.take()
    assert not second.take()
    assert other.take()
    other.give_back()
    first.give_back()
    assert second.take()
    # The first one is not its holder any more.
    first.give_back()
    assert not Lease(database, "a").take()
    second.give_back()


def test_of_many_who_ask_at_once_one_gets_it(database: Any) -> None:
    leases = [Lease(database, "a") for _ in range(12)]
    start = threading.Barrier(len(leases))
    taken: list[bool] = []

    def ask(lease: Lease) -> None:
        start.wait()
        taken.append(lease.take())

    threads = [threading.Thread(target=ask, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 11 + [True]
    for lease in leases:
        lease.give_back()


def test_a_holder_that_is_gone_loses_it_and_one_that_works_does_not(database: Any) -> None:
    working = Lease(database, "a", seconds=4.0)
    assert working.take()
    database[COLLECTION].insert_one({"_id": "b", "holder": "dead"})
    database[COLLECTION].update_one({"_id": "b"}, [{"$set": {"until": {"$add": ["$$NOW", 3_000]}}}])
    waiting = Lease(database, "b")
    assert not waiting.take()
    deadline = time.monotonic() + 60
    while not waiting.take():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # Longer than it was held for at first.
    time.sleep(2.0)
    assert not Lease(database, "a").take()
    working.give_back()
    waiting.give_back()
