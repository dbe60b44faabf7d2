"""Servers that are away, that will do no good, and transactions that come to nothing."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connections
from django.db.models import F
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    NetworkTimeout,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WriteError,
    WTimeoutError,
)

from app.audit.models import AuditEntry
from app.core.db import (
    after_commit,
    atomic,
    is_in_transaction,
    is_transient,
    ping_database,
    run_atomic,
)
from app.core.mongodb.base import DatabaseWrapper
from app.core.mongodb.errors import as_django_error
from app.streams.models import Stream
from app.users.models import Organisation
from tests.conftest import Person, client_with
from tests.mongodb_server import ADMIN, MongoServer, replica_set

pytestmark = pytest.mark.django_db
connection: Any = connections["default"]
# For servers that are not there, and for those that are.
SECONDS = 0.5
PATIENCE_SECONDS = 60.0
CLIENTS: dict[int, dict[str, Any]] = {}


def wrapper_of(port: int, *, seconds: float = PATIENCE_SECONDS, **changes: Any) -> DatabaseWrapper:
    """A connection like the one of the settings, to another server."""
    entry = connection.settings_dict
    options = {
        **entry["OPTIONS"],
        **dict.fromkeys(("serverSelectionTimeoutMS", "connectTimeoutMS"), int(seconds * 1_000)),
        **changes.pop("OPTIONS", {}),
    }
    options.pop("event_listeners", None)
    changed = {**entry, "HOST": "127.0.0.1", "PORT": str(port), "OPTIONS": options, **changes}
    wrapper = DatabaseWrapper(changed, alias="default")
    wrapper._connection_pools = CLIENTS[len(CLIENTS)] = {}
    return wrapper


def _close_clients() -> None:
    """While their servers are there: without one each waits in vain to say that it goes."""
    for pools in CLIENTS.values():
        for client in pools.values():
            client.close()
    CLIENTS.clear()


@pytest.fixture(autouse=True)
def _closed_clients() -> Iterator[None]:
    yield
    _close_clients()


@pytest.fixture
def alone() -> Iterator[MongoServer]:
    server = MongoServer()
    server.start()
    yield server
    _close_clients()
    server.remove()


@pytest.fixture
def own() -> Iterator[MongoServer]:
    with replica_set() as server:
        yield server
        _close_clients()


@pytest.fixture
def guarded() -> Iterator[MongoServer]:
    with replica_set("--auth", "--keyFile", "KEY") as server:
        server.make_admin()
        yield server
        _close_clients()


@pytest.fixture
def nobody_there() -> Iterator[None]:
    """The database of the settings is away."""
    entry = connection.settings_dict
    kept = entry["PORT"], entry["OPTIONS"]
    connection.close_pool()
    entry["PORT"] = "1"
    entry["OPTIONS"] = {**kept[1], "serverSelectionTimeoutMS": int(SECONDS * 1_000)}
    yield
    connection.close_pool()
    entry["PORT"], entry["OPTIONS"] = kept


def test_a_server_that_is_no_replica_set_is_refused(alone: MongoServer) -> None:
    wrapper = wrapper_of(alone.port)
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match="must be a replica set"):
            wrapper.ensure_connection()


def test_a_server_that_is_away_is_an_operational_error_within_its_time() -> None:
    wrapper = wrapper_of(1, seconds=SECONDS)
    began = time.monotonic()
    with pytest.raises(OperationalError, match="refused"):
        wrapper.ensure_connection()
    with pytest.raises(OperationalError):
        wrapper.introspection.table_names()
    with pytest.raises(OperationalError):
        wrapper.ping(0.2)
    assert time.monotonic() - began < 30


def test_a_killed_server_is_found_again_when_it_is_back(own: MongoServer) -> None:
    wrapper = wrapper_of(own.port, OPTIONS={"serverSelectionTimeoutMS": 2_000})
    wrapper.ping(PATIENCE_SECONDS)
    own.kill()
    with pytest.raises(OperationalError):
        wrapper.ping(0.5)
    with pytest.raises(OperationalError), wrapper.snapshot():
        wrapper.introspection.table_names()
    own.start()
    own.wait_for_primary()
    wrapper.ping(PATIENCE_SECONDS)
    assert wrapper.introspection.table_names() == []


def test_a_database_that_is_away_is_a_503_until_it_is_back(
    alice: Person, nobody_there: None
) -> None:
    for path in ("/api/v1/users/profile/", "/api/v1/api-keys/"):
        answer = alice.client.get(path)
        assert answer.status_code == 503, path
        assert answer.json()["code"] == "database_unavailable"
        assert answer.headers["Retry-After"] == "5"
        assert "127.0.0.1" not in answer.content.decode()
    login = {"username": "alice", "password": "x"}
    assert client_with().post("/api/auth/login/", login).status_code == 503
    with pytest.raises(OperationalError):
        ping_database()


@pytest.mark.parametrize(
    ("cause", "is_worth_it"),
    [
        # What the driver raises when a server goes away inside a transaction, and when none comes.
        (AutoReconnect("connection closed"), True),
        (ServerSelectionTimeoutError("no servers"), False),
        (NetworkTimeout("timed out"), False),
    ],
)
def test_a_transaction_is_repeated_unless_its_time_is_used_up(
    cause: PyMongoError, *, is_worth_it: bool
) -> None:
    cause._add_error_label("TransientTransactionError")
    error = as_django_error(cause)
    error.__cause__ = cause
    assert is_transient(error) is is_worth_it


INTERRUPTED = {"code": 11_602, "errmsg": "operation was interrupted"}
NOT_PRIMARY = {"code": 10_107, "errmsg": "Not primary while writing to elk.users_user", "op": {}}


@pytest.mark.parametrize(
    "cause",
    [
        WriteConcernError("operation was interrupted", 11_602),
        WTimeoutError("waiting for replication timed out", 64),
        WriteError("Not primary while writing to elk.users_user", 10_107),
        BulkWriteError({"writeErrors": [], "writeConcernErrors": [INTERRUPTED]}),
        BulkWriteError({"writeErrors": [NOT_PRIMARY], "writeConcernErrors": []}),
    ],
)
def test_a_write_that_a_change_of_primaries_cut_off_may_be_tried_again(cause: PyMongoError) -> None:
    """Seen in a replica set of three while its primary stepped down and was killed."""
    error = as_django_error(cause)
    assert isinstance(error, OperationalError)
    assert str(error)


def test_after_an_outage_the_same_process_goes_on(alice: Person) -> None:
    entry, port = connection.settings_dict, connection.settings_dict["PORT"]
    connection.close_pool()
    entry["PORT"] = "1"
    try:
        assert alice.client.get("/api/v1/users/profile/").status_code == 503
    finally:
        connection.close_pool()
        entry["PORT"] = port
    assert alice.client.get("/api/v1/users/profile/").status_code == 200


def test_an_error_that_was_swallowed_does_not_end_the_transactions_of_the_thread() -> None:
    Organisation.objects.create(name="x", slug="taken")

    def swallow() -> None:
        with atomic():
            Organisation.objects.create(name="y", slug="y")
            try:
                Organisation.objects.create(name="z", slug="taken")
            except IntegrityError:
                Organisation.objects.filter(slug="y").exists()

    with pytest.raises(DatabaseError):
        swallow()
    check_transactions_work()
    assert not Organisation.objects.filter(slug="y").exists()


def test_a_transaction_that_the_server_ended_is_reported_and_forgotten() -> None:
    followed: list[int] = []

    def cut_off() -> None:
        with atomic():
            Organisation.objects.create(name="x", slug="lost")
            after_commit(lambda: followed.append(1))
            session = connection.session.session_id
            connection.connection.admin.command("killSessions", [session])

    with pytest.raises(OperationalError):
        cut_off()
    assert followed == []
    check_transactions_work()
    assert not Organisation.objects.filter(slug="lost").exists()


def test_a_cursor_that_the_server_closed_is_a_database_error(alice: Person) -> None:
    for number in range(300):
        Stream.objects.create_for(alice.scope, name=f"s{number}", retention_days=1)
    rows = Stream.objects.for_scope(alice.scope).iterator(chunk_size=10)
    next(rows)
    open_cursors = connection.connection.admin.aggregate(
        [{"$currentOp": {"idleCursors": True}}, {"$match": {"type": "idleCursor"}}]
    )
    ids = [one["cursor"]["cursorId"] for one in open_cursors if "streams_stream" in one["ns"]]
    connection.database.command("killCursors", "streams_stream", cursors=ids)
    with pytest.raises(DatabaseError) as raised:
        list(rows)
    assert not isinstance(raised.value, PyMongoError)
    assert isinstance(raised.value.__cause__, PyMongoError)


@pytest.mark.parametrize("value", [{"big": 2**70}, {"\0": 1}, {1: 1}, "x" * 17_000_000])
def test_what_the_database_cannot_keep_is_a_data_error(alice: Person, value: Any) -> None:
    with pytest.raises(DataError):
        AuditEntry.objects.create_for(alice.scope, action="odd", before=value)
    assert not AuditEntry.objects.for_scope(alice.scope).filter(action="odd").exists()


def test_counters_of_many_threads_lose_nothing(alice: Person) -> None:
    rows = Stream.objects.for_scope(alice.scope).filter(name="default")
    rows.update(retention_days=0)

    def read_then_write() -> None:
        row = rows.get()
        rows.update(retention_days=row.retention_days + 1)

    def work() -> None:
        for _ in range(5):
            rows.update(retention_days=F("retention_days") + 1)
            run_atomic(read_then_write)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows.get().retention_days == 40


def test_of_many_that_make_the_same_one_does() -> None:
    made: list[bool] = []

    def make() -> None:
        values = {"name": "x"}
        made.append(
            run_atomic(lambda: Organisation.objects.get_or_create(slug="same", defaults=values))[1]
        )

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 5 + [True]


def test_a_snapshot_sees_nothing_of_later(alice: Person) -> None:
    with connection.snapshot():
        before = Organisation.objects.count()
        connection.database["users_organisation"].insert_one({"_id": "0" * 32, "slug": "new"})
        assert Organisation.objects.count() == before
    assert Organisation.objects.count() == before + 1


def test_the_users_may_do_what_they_need_and_no_more(
    guarded: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {
        **connection.settings_dict,
        "HOST": "127.0.0.1",
        "PORT": str(guarded.port),
        "NAME": "elk",
        "USER": "worker",
        "PASSWORD": "w@:/%",
        "ACCOUNTS": {"admin": ADMIN, "read_only": ("reader", "r")},
    }
    monkeypatch.setitem(settings.DATABASES, "default", entry)
    for _ in range(2):  # once to create them, once to find them
        call_command("create_database_users", stdout=io.StringIO())
    source = {"OPTIONS": {"authSource": "admin"}}
    worker = wrapper_of(guarded.port, NAME="elk", USER="worker", PASSWORD="w@:/%", **source)
    reader = wrapper_of(guarded.port, NAME="elk", USER="reader", PASSWORD="r", **source)
    wrong = wrapper_of(guarded.port, NAME="elk", USER="reader ", PASSWORD="x", **source)
    worker.ensure_connection()
    worker.database["things"].insert_one({"_id": 1})
    worker.database["things"].create_index("name")
    reader.ensure_connection()
    assert reader.database["things"].count_documents({}) == 1
    with worker.replacing(["things"]):
        worker.get_collection("things").insert_one({"_id": 2})
        assert reader.database["things"].find_one() == {"_id": 1}
    assert reader.database["things"].find_one() == {"_id": 2}
    assert "name_1" in reader.database["things"].index_information()
    for ask in (
        lambda: reader.database["things"].insert_one({}),
        lambda: reader.database.drop_collection("things"),
        lambda: worker.connection["other"]["things"].insert_one({}),
        worker.connection["other"]["things"].find_one,
        lambda: worker.connection.admin.command("usersInfo"),
    ):
        with pytest.raises(PyMongoError, match="not authorized"):
            ask()
    # The server's whole answer is nobody's business, and nothing that an operator reads.
    with (
        pytest.raises(OperationalError, match=r"^not authorized on elk$"),
        reader.replacing(["things"]),
    ):
        pass
    with pytest.raises(OperationalError, match=r"^Authentication failed\.$"):
        wrong.ping(PATIENCE_SECONDS)


def test_who_may_create_users_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for accounts, complaint in (
        ({}, "MONGO_ADMIN_USER must be set"),
        ({"admin": ("root", "x")}, "neither MONGO_USER"),
    ):
        entry = {**connection.settings_dict, "USER": "", "ACCOUNTS": accounts}
        monkeypatch.setitem(settings.DATABASES, "default", entry)
        with pytest.raises(CommandError, match=complaint):
            call_command("create_database_users")


def check_transactions_work() -> None:
    """Both ways, on this very thread."""
    assert not is_in_transaction()
    with atomic():
        assert is_in_transaction()
        Organisation.objects.create(name="k", slug="kept")
    assert Organisation.objects.filter(slug="kept").exists()

    def undone() -> None:
        with atomic():
            Organisation.objects.create(name="u", slug="undone")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert not Organisation.objects.filter(slug="undone").exists()
