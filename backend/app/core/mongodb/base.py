"""The connection: one client per process, transactions per thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import django_mongodb_backend
from django.core.exceptions import ImproperlyConfigured
from django_mongodb_backend import base as backend
from django_mongodb_backend.transaction import atomic as backend_atomic
from pymongo import timeout
from pymongo.errors import PyMongoError
from typing_extensions import override

from app.core.mongodb.errors import as_django_error, translated
from app.core.mongodb.introspection import DatabaseIntrospection
from app.core.mongodb.lease import Lease
from app.core.mongodb.lookups import register_lookups
from app.core.mongodb.operations import DatabaseOperations
from app.core.mongodb.replacing import Replacement, finish_replacement
from app.core.mongodb.schema import DatabaseSchemaEditor

WRITTEN_FOR = "5.2.4"
if django_mongodb_backend.__version__ != WRITTEN_FOR:
    raise ImproperlyConfigured(
        f"django-mongodb-backend {WRITTEN_FOR} is needed, {django_mongodb_backend.__version__} found"
    )

register_lookups()


class DatabaseWrapper(backend.DatabaseWrapper):
    connection: Any
    session: Any
    run_on_commit: list[Any]
    # Of the collections that this thread works on, while they are not in their places yet.
    _prefix = ""

    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    introspection_class = DatabaseIntrospection
    # {column: value} lets an object that came from a client be an operator; {"$eq": value} does not.
    mongo_operators = {
        **backend.DatabaseWrapper.mongo_operators,
        "exact": lambda column, value: {column: {"$eq": value}},
    }

    @override
    def init_connection_state(self) -> None:
        """Refuses a server that has no transactions, before anything is asked of it."""
        try:
            with translated():
                super().init_connection_state()
                self._refuse_standalone()
                finish_replacement(self.database)
        except Exception:
            # The next question begins anew, also whether the server will do.
            self.connection = None
            self.__dict__.pop("database", None)
            raise

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing. Inside another one it is a part of that."""
        context: AbstractContextManager[None] = backend_atomic(self.alias)
        return context

    @contextlib.contextmanager
    def replacing(self, names: Sequence[str]) -> Iterator[None]:
        """What is written inside, into collections that are empty at first, takes the place of
        these at the end, all at once; nothing happens to them when anything is raised."""
        self.ensure_connection()
        replacement = Replacement(self.database, names)
        try:
            with translated():
                replacement.prepare()
            self._prefix = replacement.prefix
            try:
                yield
            finally:
                self._prefix = ""
        except BaseException:
            with contextlib.suppress(PyMongoError):
                replacement.discard()
            raise
        with translated():
            replacement.complete()

    @override
    def get_collection(self, name: str, **options: Any) -> Any:
        return super().get_collection(f"{self._prefix}{name}", **options)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads of one moment, for up to five minutes (the server's own limit); no writes."""
        self.ensure_connection()
        with translated():
            self.session = self.connection.start_session(snapshot=True)
        try:
            yield
        finally:
            self._drop_session()

    def lease(self, name: str) -> Lease:
        """A lease on a name in this database, not taken yet."""
        self.ensure_connection()
        return Lease(self.database, name)

    def ping(self, seconds: float) -> None:
        """Raises `OperationalError` unless the server answers within that time."""
        with timeout(seconds), translated():
            self.ensure_connection()
            self.connection.admin.command("ping")

    @override
    def close_pool(self) -> None:
        """Closes the process's client, also one that this thread is not connected by."""
        super().close_pool()
        client = self._connection_pools.pop(self.alias, None)
        if client is not None:
            client.close()

    def is_usable(self) -> bool:
        # The client finds its servers again by itself; there is nothing to open anew.
        return True

    @override
    def start_transaction_mongo(self) -> None:
        with self._without_dead_session():
            super().start_transaction_mongo()

    @override
    def commit_mongo(self) -> None:
        session = self.session
        if session is not None:
            with self._without_dead_session():
                session.commit_transaction()
            self._end_session()
        # What they raise is theirs: the transaction is committed.
        self.run_and_clear_commit_hooks()

    @override
    def rollback_mongo(self) -> None:
        try:
            super().rollback_mongo()
        except PyMongoError:
            # The server ends it by itself.
            self._drop_session()

    @contextlib.contextmanager
    def _without_dead_session(self) -> Iterator[None]:
        """The backend keeps the session of a transaction that could not be begun or committed: from
        then on the thread would work without any."""
        try:
            yield
        except PyMongoError as error:
            self._drop_session()
            raise as_django_error(error) from error

    def _drop_session(self) -> None:
        session, self.session = self.session, None
        self.run_on_commit = []
        if session is not None:
            with contextlib.suppress(PyMongoError):
                session.end_session()

    def _refuse_standalone(self) -> None:
        hello = self.connection.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise ImproperlyConfigured(
                "MongoDB must be a replica set, of one node at least: transactions need it"
            )
