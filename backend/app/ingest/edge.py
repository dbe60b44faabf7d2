"""The ASGI app of the intake: routes, answers, and turns every error into the form of its protocol."""

from __future__ import annotations

import structlog

from app.core.clock import SYSTEM_CLOCK, Clock
from app.core.errors import Broken, ElkError
from app.ingest.admission import HungUp, Limits
from app.ingest.auth import Authenticator
from app.ingest.intake import Intake, JournalWriter, ShippedNumber
from app.ingest.native import PATH, NativeEndpoint
from app.ingest.requests import Request
from app.ingest.responses import (
    Answer,
    ASGIScope,
    Receive,
    Send,
    problem_answer,
    send_answer,
)

log = structlog.get_logger(__name__)


class Edge:
    """Takes logs in. `owns` says which requests are for it; all others belong to Django."""

    def __init__(self, *, intake: Intake, authenticate: Authenticator) -> None:
        self._intake = intake
        self._native = NativeEndpoint(intake, authenticate)

    def owns(self, scope: ASGIScope) -> bool:
        """Whether an HTTP request is for the intake."""
        if scope["type"] != "http":
            return False
        path: str = scope["path"]
        return path in (PATH, PATH[:-1])

    def close(self) -> None:
        """Ends the threads; nothing is taken afterwards."""
        self._intake.close()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            answer = await self._answer(request, receive)
        except HungUp:
            return
        await send_answer(send, answer, request_id=request.id, is_head=request.method == "HEAD")

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        try:
            return await self._native.answer(request, receive)
        except ElkError as error:
            return problem_answer(error, request_id=request.id)
        except Exception:
            log.exception("intake_failed", path=request.path, request_id=request.id)
            return problem_answer(Broken("this is our mistake"), request_id=request.id)


def build(
    *,
    authenticate: Authenticator,
    journal: JournalWriter,
    shipped_number: ShippedNumber,
    limits: Limits | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Edge:
    """The edge with everything given in. Call it on the event loop that will serve."""
    intake = Intake(journal, shipped_number, limits or Limits(), clock)
    return Edge(intake=intake, authenticate=authenticate)
