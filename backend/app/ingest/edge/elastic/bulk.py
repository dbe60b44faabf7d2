"""`_bulk`: Elasticsearch's way in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from app.core.scope import Scope
from app.ingest.edge.elastic.errors import encoded_answer
from app.ingest.edge.intake import Intake
from app.ingest.edge.native import asked_stream
from app.ingest.edge.requests import Request
from app.ingest.edge.responses import Answer, MethodNotAllowed, NotAcceptable, Receive
from app.ingest.protocols import es_answer, es_bulk

_METHODS = ("POST", "PUT")
_CONTENT_TYPE = re.compile(
    r"(?:application/(?:vnd\.elasticsearch\+)?(?:x-nd)?json\s*(?:;.*)?)?", re.IGNORECASE
)
# These read only the first 512 KB of an answer.
_SHORT_OF_MEMORY = "Fluent-Bit"
_REFRESHING = frozenset({"", "true", "wait_for"})


class BulkEndpoint:
    """Answers `/_bulk`, `/{index}/_bulk` and `/{index}/{type}/_bulk`."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def answer(
        self, request: Request, scope: Scope, names: Sequence[str], receive: Receive
    ) -> Answer:
        """200 once everything that is not an item error is durable; `names` is the path."""
        if request.method not in _METHODS:
            raise MethodNotAllowed(
                f"Incorrect HTTP method for uri [{request.path}] and method [{request.method}],"
                " allowed: [POST, PUT]",
                headers={"Allow": ", ".join(_METHODS)},
            )
        content_type = request.headers.get("content-type", "").strip()
        if not _CONTENT_TYPE.fullmatch(content_type):
            raise NotAcceptable(f"Content-Type header [{content_type[:80]}] is not supported")
        form = es_answer.outline(
            request.parameters.get("filter_path", ""),
            is_short=_SHORT_OF_MEMORY in request.headers.get("user-agent", ""),
        )
        started = self._intake.clock.monotonic()
        default_index = names[0] if len(names) > 1 else ""
        with self._intake.share_of_memory(scope.org_id, request.network) as share:
            body = await self._intake.body(receive, request.headers, share)
            read = partial(
                es_bulk.read, default_index=default_index, limits=self._intake.limits.body
            )
            bulk = await self._intake.parse(body, read)
            del body
            kept = await self._intake.keep(
                scope.org_id, bulk.records, protocol="es_bulk", stream=asked_stream(request)
            )
        if kept.number is not None and _asks_to_refresh(request):
            await self._intake.wait_until_indexed(kept.number)
        took_ms = int((self._intake.clock.monotonic() - started) * 1000)
        answer = es_answer.render(bulk, kept.first_id, took_ms, form)
        return encoded_answer(200, answer, request.headers)


def _asks_to_refresh(request: Request) -> bool:
    return request.parameters.get("refresh", "false") in _REFRESHING
