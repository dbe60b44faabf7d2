"""The quarantine: what could not be read, found by search, repaired and sent again."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from app.core.endpoints import Stability
from app.core.errors import FieldError, Invalid
from app.core.scope import Permission, Scope
from app.logs.api import bodies, inputs, serializers
from app.logs.api.documentation import PAGE, WAIT
from app.logs.api.views import search_page
from app.logs.selectors import replay_marks
from app.logs.services import get_entry, replay_entry
from app.users.org_view import OrgView

# As long as entries are kept.
DEFAULT_FROM = "now-14d"


class Quarantine(OrgView):
    """Quarantined entries, newest first: a search over the stream `_quarantine`."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=PAGE, responses=serializers.QUARANTINE_PAGE)
    def get(self, request: Request, scope: Scope) -> Response:
        page = search_page(scope, inputs.read_quarantine_search(request, from_=DEFAULT_FROM))
        marks = replay_marks(scope, entry_ids=[record.id for record in page.records])
        return Response(bodies.quarantine_body(page, marks))


class QuarantinedEntry(OrgView):
    """One quarantined entry."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(responses=serializers.ENTRY)
    def get(self, request: Request, scope: Scope, entry_id: str) -> Response:
        entry = get_entry(scope, entry_id=entry_id)
        mark = replay_marks(scope, entry_ids=[entry_id]).get(entry_id)
        return Response(bodies.entry_row(entry, mark))


class Replay(OrgView):
    """Sends a quarantined entry again, repaired or as it came, to the stream it was meant for."""

    stability = Stability.STABLE
    permission = Permission.EDIT

    @extend_schema(
        parameters=[WAIT],
        request=serializers.REPLAY_REQUEST,
        responses={202: serializers.REPLAYED},
    )
    def post(self, request: Request, scope: Scope, entry_id: str) -> Response:
        replayed = replay_entry(
            scope, entry_id=entry_id, text=inputs.read_repair(request), waits=_waits(request)
        )
        return Response(bodies.replayed_body(replayed), status=202)


def _waits(request: Request) -> bool:
    waits_for = request.query_params.get("wait_for", "")
    if waits_for not in ("", "indexed"):
        detail = "only 'indexed' can be waited for"
        raise Invalid(detail, errors=[FieldError("wait_for", "unknown_choice", detail)])
    return waits_for == "indexed"
