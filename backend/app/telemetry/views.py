"""`/metrics`: for Prometheus."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from app.core.endpoints import PublicEndpoint, Stability
from app.core.errors import Forbidden, Unauthenticated
from app.telemetry.metrics import CONTENT_TYPE, exposition, forget_dead_processes


class Metrics(PublicEndpoint):
    """With METRICS_TOKEN set, whoever sends it as `Authorization: Bearer …`; without, programs on
    this machine that do not come through a proxy."""

    stability = Stability.INTERNAL

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR}, auth=[], tags=["telemetry"])
    def get(self, request: Request) -> HttpResponse:
        _check_may_read(request)
        directory = Path(settings.METRICS_DIR)
        forget_dead_processes(directory)
        return HttpResponse(exposition(directory), content_type=CONTENT_TYPE)


def _check_may_read(request: Request) -> None:
    token = settings.METRICS_TOKEN
    if token:
        sent = request.headers.get("Authorization", "")
        if not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
            raise Unauthenticated("the metrics need the token in METRICS_TOKEN")
        return
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if forwarded or not _is_this_machine(str(request.META.get("REMOTE_ADDR", ""))):
        raise Forbidden("without METRICS_TOKEN the metrics are for this machine only")


def _is_this_machine(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
