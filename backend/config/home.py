"""`/` in a browser: the pages of the API."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from app.core.endpoints import PublicEndpoint, Stability


class Home(PublicEndpoint):
    """Leads people on; shippers that ask for `/` are answered by the intake."""

    stability = Stability.INTERNAL

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponseRedirect("/api/docs/")
