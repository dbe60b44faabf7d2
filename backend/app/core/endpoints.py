"""The base of every REST view: what each one must declare."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from rest_framework.response import Response
from rest_framework.views import APIView


class Stability(StrEnum):
    """What clients may rely on."""

    STABLE = "stable"  # only ever extended
    BETA = "beta"  # may change with a release
    INTERNAL = "internal"  # for our own console and operators


class Endpoint(APIView):
    """A REST view. A class that leaves `stability` out is found by a test."""

    stability: ClassVar[Stability]
    # Nobody is told what else there is but by `Allow`, which then must not name OPTIONS.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")


class PublicEndpoint(Endpoint):
    """Answers anybody."""


def created(body: Any) -> Response:
    """201 with what was made."""
    return Response(body, status=201)


def done() -> Response:
    """204: it happened, and there is nothing to say."""
    return Response(status=204)
