"""Live tail over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from typing_extensions import override

from app.core.clock import SYSTEM_CLOCK, utc_now
from app.core.db import ask_database
from app.core.endpoints import Stability
from app.core.errors import NotFound
from app.core.scope import Permission, Scope
from app.live.process import hub
from app.logs.api import inputs
from app.logs.api.documentation import TAIL
from app.logs.tail import Places, Tail
from app.users.authentication import identify, require_scope
from app.users.credentials import find_credential
from app.users.org_view import ORGANISATION_HEADER, OrgView

EVENTS = "text/event-stream; charset=utf-8"
PLACES = Places()


class EventStream(StreamingHttpResponse):
    """Server-sent events that nothing on the way may keep; `at_end` is called once."""

    def __init__(self, events: Any, at_end: Callable[[], None]) -> None:
        super().__init__(
            events,
            content_type=EVENTS,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._at_end: Callable[[], None] | None = at_end

    @override
    def close(self) -> None:
        super().close()
        at_end, self._at_end = self._at_end, None
        if at_end is not None:
            at_end()


class LiveTail(OrgView):
    """Records that match, as they come: `event: log` with a record, `event: dropped` with how many
    were left out because they came too fast, `event: heartbeat` every 15 seconds."""

    stability = Stability.BETA
    permission = Permission.SEARCH

    @extend_schema(parameters=TAIL, responses={(200, "text/event-stream"): OpenApiTypes.STR})
    def get(self, request: Request, scope: Scope) -> HttpResponseBase:
        asked = inputs.read_tail(request)
        if request.method == "HEAD":
            # Nothing would ever be read of it.
            return HttpResponse(content_type=EVENTS)
        credential = find_credential(request.headers)
        organisation = request.headers.get(ORGANISATION_HEADER, "")

        def scope_now() -> Scope:
            caller = None if credential is None else identify(credential, utc_now())
            return require_scope(caller, organisation, Permission.SEARCH)

        def check() -> None:
            # It may have been taken away since; who names no organisation may now mean another.
            if ask_database(scope_now).org_id != scope.org_id:
                raise NotFound("there is no such organisation")

        tail = Tail(scope, asked, check=check, clock=SYSTEM_CLOCK)
        PLACES.take(scope.org_id)

        def leave() -> None:
            tail.close()
            PLACES.leave(scope.org_id)

        return EventStream(tail.events(hub), leave)
