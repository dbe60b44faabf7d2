"""The ASGI app of the intake: which requests are for it, and where each goes."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Broken, ElkError
from app.ingest.edge import metrics
from app.ingest.edge.admission import HungUp, Limits
from app.ingest.edge.auth import Authenticator
from app.ingest.edge.elastic.bulk import BulkEndpoint
from app.ingest.edge.elastic.cluster import Cluster
from app.ingest.edge.elastic.declared import DeclaredLimits, DeclaredNames
from app.ingest.edge.elastic.errors import elastic_error, must_be_cut
from app.ingest.edge.elastic.handshake import Handshake
from app.ingest.edge.elastic.paths import ElasticEndpoint, ElasticParts, is_elastic, path_names
from app.ingest.edge.intake import (
    Check,
    Intake,
    JournalWriter,
    Recall,
    ShippedNumber,
    Terms,
    anybody,
    as_it_came,
)
from app.ingest.edge.native import NativeEndpoint
from app.ingest.edge.quotas import Quotas
from app.ingest.edge.requests import Request
from app.ingest.edge.responses import (
    Answer,
    ASGIScope,
    Receive,
    Send,
    problem_answer,
    send_answer,
    send_cut_answer,
)

log = structlog.get_logger(__name__)

_NATIVE = ("api", "v1", "logs")


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be set: limits, and the Elasticsearch that shippers see."""

    cluster: Cluster
    limits: Limits = field(default_factory=Limits)
    declared: DeclaredLimits = field(default_factory=DeclaredLimits)


class Edge:
    """Takes logs in: the requests that `is_for_intake` says are its own."""

    def __init__(self, *, intake: Intake, native: NativeEndpoint, elastic: ElasticEndpoint) -> None:
        self._intake = intake
        self._clock = intake.clock
        self._native = native
        self._elastic = elastic

    def close(self) -> None:
        """Ends the threads; nothing is taken afterwards."""
        self._intake.close()
        self._elastic.close()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        names = path_names(scope)
        started = self._clock.monotonic()
        try:
            answer = await self._answer(request, names, receive)
        except HungUp:
            metrics.HUNG_UP.inc()
            log.info("sender_hung_up", request_id=request.id)
            return
        protocol = _protocol_of(names)
        seconds = self._clock.monotonic() - started
        metrics.count_request(protocol, answer.status, seconds)
        if protocol == "es_bulk" and must_be_cut(answer.status, request.headers):
            # The server logs an error of its own for what it thinks is a mistake.
            log.info("refusal_cut", status=answer.status, request_id=request.id)
            await send_cut_answer(send, answer, request_id=request.id)
        else:
            is_head = request.method == "HEAD"
            await send_answer(send, answer, request_id=request.id, is_head=is_head)

    async def _answer(self, request: Request, names: tuple[str, ...], receive: Receive) -> Answer:
        is_native = names == _NATIVE
        try:
            if is_native:
                return await self._native.answer(request, receive)
            return await self._elastic.answer(request, names, receive)
        except ElkError as error:
            return problem_answer(error, request_id=request.id)
        except HungUp:
            raise
        except Exception:
            log.exception("intake_failed", path=request.path, request_id=request.id)
            broken = Broken("the intake failed")
            if is_native:
                return problem_answer(broken, request_id=request.id)
            return elastic_error(broken, request.headers)


def is_for_intake(scope: ASGIScope) -> bool:
    """Whether a request is for the intake; all others belong to Django."""
    if scope["type"] != "http":
        return False
    path: str = scope["path"]
    if path.startswith("/api/"):
        return path_names(scope) == _NATIVE
    return is_elastic(scope["method"], path_names(scope), _accept(scope))


def _protocol_of(names: tuple[str, ...]) -> str:
    if names == _NATIVE:
        return "ndjson"
    return "es_bulk" if names and names[-1] == "_bulk" else "es_handshake"


def _accept(scope: ASGIScope) -> str:
    return ",".join(text.decode("latin-1") for name, text in scope["headers"] if name == b"accept")


@dataclass(frozen=True, slots=True)
class Stores:
    """What the edge writes to.

    `shipped_number` says up to which journal entry everything can be found by every process.
    Without `quotas` everybody may send as much as they like. `check` says whose records nobody takes
    now.
    """

    journal: JournalWriter
    shipped_number: ShippedNumber
    names: DeclaredNames
    quotas: Quotas | None = None
    recall: Recall = as_it_came
    check: Check = anybody


def build(
    *,
    authenticate: Authenticator,
    stores: Stores,
    settings: Settings,
    clock: Clock = SYSTEM_CLOCK,
) -> Edge:
    """The edge with everything given in; for one event loop."""
    intake = Intake(
        stores.journal,
        stores.shipped_number,
        settings.limits,
        clock,
        terms=Terms(stores.quotas, stores.check),
        recall=stores.recall,
    )
    parts = ElasticParts(
        cluster=settings.cluster,
        bulk=BulkEndpoint(intake),
        handshake=Handshake(stores.names, settings.declared, clock),
    )
    return Edge(
        intake=intake,
        native=NativeEndpoint(intake, authenticate),
        elastic=ElasticEndpoint(intake, authenticate, parts),
    )
