"""The edge behind a real uvicorn on a random port of the loopback, with a real journal."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn

from app.core.clock import SYSTEM_CLOCK
from app.core.errors import Unauthenticated
from app.core.ids import OrgId
from app.core.scope import Actor, ActorKind, Permission, Scope
from app.ingest.edge.admission import Limits
from app.ingest.edge.asgi import Settings, Stores, build
from app.ingest.edge.auth import Admitted, CachedAuthenticator, LookUp, Shown
from app.ingest.edge.elastic.cluster import Cluster
from app.ingest.edge.elastic.declared import DeclaredNames
from app.ingest.edge.quotas import Quotas
from app.journal.batch import Batch, decode
from app.journal.committer import GroupCommitter
from app.journal.journal import Journal
from app.journal.refusals import Refusals
from app.users.credentials import KeyShown, TokenShown
from tests.unit.ingest.edge.names import RememberedNames

ACME = OrgId(UUID("0193a000-0000-7000-8000-00000000000a"))
GLOBEX = OrgId(UUID("0193a000-0000-7000-8000-00000000000b"))
ALICES_KEY = "elkv_alice_0123456789abcdef"
BOBS_KEY = "elkv_bob_0123456789abcdef"
CHARLIES_KEY = "elkv_charlie_0123456789abcdef"


PATIENCE_SECONDS = 60.0
# Reading the machine's certificates would take longer than most tests.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def scope_of(org_id: OrgId, name: str, *permissions: Permission) -> Scope:
    return Scope(org_id, Actor(ActorKind.API_KEY, name), frozenset(permissions))


PEOPLE = {
    ALICES_KEY: scope_of(ACME, "alice", Permission.INGEST),
    BOBS_KEY: scope_of(ACME, "bob", Permission.SEARCH),
    CHARLIES_KEY: scope_of(GLOBEX, "charlie", Permission.INGEST),
}


def look_up(shown: Shown) -> Admitted:
    """The accounts of the named cast, in a dictionary."""
    match shown.credential:
        case KeyShown(key) if key in PEOPLE:
            return Admitted(PEOPLE[key])
        case KeyShown() | TokenShown():
            raise Unauthenticated("the API key is not valid", code="key_invalid")


@dataclass
class Served:
    """A running edge and its journal, of which `batches` shows what came after entry `after`."""

    port: int
    journal: Journal
    after: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.Client:
        """A client of this server."""
        return httpx.Client(
            base_url=self.url, headers=headers, verify=NO_CERTIFICATES, timeout=PATIENCE_SECONDS
        )

    def post(self, path: str, **request: Any) -> httpx.Response:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.post(path, **request)

    def batches(self) -> list[Batch]:
        """Everything that was kept, in order."""
        return [decode(entry.payload) for entry in self.journal.read(self.after, max_bytes=1 << 40)]

    def lines(self) -> list[bytes]:
        return [line for batch in self.batches() for line in batch.lines]


@contextlib.contextmanager
def served(
    directory: Path,
    *,
    limits: Limits | None = None,
    journal_bytes: int = 64 << 20,
    look_up: LookUp = look_up,
    names: DeclaredNames | None = None,
    quotas: Quotas | None = None,
) -> Iterator[Served]:
    """Serves until the end of the block."""
    journal = Journal(directory, max_bytes=journal_bytes)
    committer = GroupCommitter(journal)
    authenticate = CachedAuthenticator(look_up, SYSTEM_CLOCK)
    stores = Stores(
        journal=committer,
        shipped_number=lambda: journal.state().shipped_number,
        names=names or RememberedNames(),
        quotas=quotas,
        check=Refusals(directory).check,
    )
    settings = Settings(Cluster.of_installation("test"), limits=limits or Limits())
    edge = build(authenticate=authenticate, stores=stores, settings=settings)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        edge, loop="uvloop", http="httptools", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield Served(listener.getsockname()[1], journal)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        edge.close()
        authenticate.close()
        committer.close()
        journal.close()


def answer_of(
    connection: socket.socket, *, is_head: bool = False
) -> tuple[int, dict[str, str], bytes]:
    """Reads one answer with a content length from a raw connection."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers: dict[str, str] = {}
        while line := stream.readline().strip():
            name, _, text = line.decode("latin-1").partition(":")
            headers[name.lower()] = text.strip()
        length = 0 if is_head else int(headers.get("content-length", "0"))
        return status, headers, stream.read(length)
