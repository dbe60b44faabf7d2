"""Views that show what the bridge hands in and takes out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

ENDED: list[str] = []
BOTH_IN = threading.Barrier(2)


def echo(request: HttpRequest, name: str) -> JsonResponse:
    shown = {
        "method": request.method,
        "name": name,
        "query": request.GET.dict(),
        "body": request.body.decode(),
        "host": request.get_host(),
        "x": request.headers.get("X-Two", ""),
        "underscore": request.META.get("HTTP_X_PLAIN", ""),
        "address": request.META["REMOTE_ADDR"],
        "is_secure": request.is_secure(),
    }
    response = JsonResponse(shown)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def meet(_request: HttpRequest) -> HttpResponse:
    """Answers only if another request is inside at the same time."""
    BOTH_IN.wait(timeout=20)
    return HttpResponse("met")


def slow(_request: HttpRequest) -> HttpResponse:
    time.sleep(0.3)
    return HttpResponse("slow")


def lines(_request: HttpRequest) -> StreamingHttpResponse:
    def make() -> Iterator[bytes]:
        yield from (b"one\n", b"", b"two\n")

    return StreamingHttpResponse(make())


def endless(_request: HttpRequest) -> StreamingHttpResponse:
    async def make() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0.01)
        finally:
            ENDED.append("endless")

    return StreamingHttpResponse(make())


def broken(_request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("the secret is 42")


urlpatterns = [
    path("echo/<str:name>/", echo),
    path("meet/", meet),
    path("slow/", slow),
    path("lines/", lines),
    path("endless/", endless),
    path("broken/", broken),
]

handler500 = "app.core.exception_handler.answer_500"
