"""Around every request of Django: its id, one event, its metrics."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from app.core.addresses import client_address
from app.core.clock import SYSTEM_CLOCK
from app.core.request_context import (
    HEADER,
    RequestContext,
    answering,
    current_request,
    request_id_from,
)
from app.telemetry.metrics import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger("app.access")

# Asked every few seconds by machines: an event each would drown the others.
_QUIET = ("/health/", "/metrics")
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR = 500

Answerer = Callable[[HttpRequest], HttpResponseBase]


class Telemetry:
    """The first middleware. Neither query strings nor headers are logged: they may hold secrets,
    and what people search for is theirs."""

    def __init__(self, get_response: Answerer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        address = client_address(
            str(request.META.get("REMOTE_ADDR") or ""), request.headers.get("X-Forwarded-For", "")
        )
        context = RequestContext(request_id_from(request.headers.get(HEADER)), address)
        started = SYSTEM_CLOCK.monotonic()
        with answering(context):
            response = self._get_response(request)
            _note(request, response, SYSTEM_CLOCK.monotonic() - started)
        response[HEADER] = context.request_id
        return response


def _note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    method = request.method if request.method in _KNOWN_METHODS else "other"
    match = request.resolver_match
    route = match.route if match is not None else "none"
    REQUEST_SECONDS.labels(method, route).observe(seconds)
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    is_quiet = request.path.startswith(_QUIET) and response.status_code < _SERVER_ERROR
    (log.debug if is_quiet else log.info)(
        "request_answered",
        method=request.method,
        path=request.path,
        status=response.status_code,
        took_ms=round(seconds * 1000, 1),
        address=current_request().address,
    )
