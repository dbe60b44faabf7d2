"""What browsers may do with our pages."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

_STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger and Redoc style their elements one by one, and Redoc searches in a worker that it makes.
_DOCUMENTATION = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_DOCUMENTATION_PATHS = ("/api/docs/", "/api/redoc/")
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"

Answerer = Callable[[HttpRequest], HttpResponseBase]


class SecurityHeaders:
    """Adds Content-Security-Policy and Permissions-Policy to every answer of Django."""

    def __init__(self, get_response: Answerer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        is_documentation = request.path.startswith(_DOCUMENTATION_PATHS)
        response.headers.setdefault(
            "Content-Security-Policy", _DOCUMENTATION if is_documentation else _STRICT
        )
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        return response
