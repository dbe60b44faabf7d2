"""Probes: for people (`/health/`), for load balancers (`ready`), for whoever restarts us (`live`)."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from app.core.ending import is_ending
from app.core.endpoints import PublicEndpoint, Stability
from app.health.checks import Status
from app.health.process import watch

API_VERSION = "v1"
_UNAVAILABLE = 503
_NOT_KEPT = {"Cache-Control": "no-store"}


class Health(PublicEndpoint):
    """How every part is: 200 `healthy` or `degraded`, 503 `unhealthy`."""

    stability = Stability.STABLE

    @extend_schema(
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiTypes.OBJECT}, auth=[], tags=["health"]
    )
    def get(self, request: Request) -> Response:
        reports = watch().ask()
        is_healthy = watch().is_healthy(reports)
        all_up = all(report.status is Status.UP for report in reports.values())
        status = "unhealthy" if not is_healthy else "healthy" if all_up else "degraded"
        body = {
            "status": status,
            "version": API_VERSION,
            "checks": {name: report.shown() for name, report in reports.items()},
        }
        return Response(body, 200 if is_healthy else _UNAVAILABLE, headers=_NOT_KEPT)


class Live(PublicEndpoint):
    """The process answers. It asks nothing of others: restarting us would not mend them."""

    stability = Stability.STABLE

    @extend_schema(responses=OpenApiTypes.OBJECT, auth=[], tags=["health"])
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"}, headers=_NOT_KEPT)


class Ready(PublicEndpoint):
    """This process can answer requests: 200, else 503, also from the moment it was told to end. A
    log store that is down counts only where logs go straight into it."""

    stability = Stability.STABLE

    @extend_schema(
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiTypes.OBJECT}, auth=[], tags=["health"]
    )
    def get(self, request: Request) -> Response:
        reports = watch().ask()
        is_ready = watch().is_ready(reports) and not is_ending()
        body = {
            "status": "ending" if is_ending() else "ready" if is_ready else "not_ready",
            "checks": {name: report.status.value for name, report in reports.items()},
        }
        return Response(body, 200 if is_ready else _UNAVAILABLE, headers=_NOT_KEPT)
