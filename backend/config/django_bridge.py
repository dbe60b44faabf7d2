"""Django behind ASGI: each request runs whole in one thread of a pool.

Django's own ASGI handler makes a thread per request and crosses between thread and event loop for
every middleware, signal and send; here there is one crossing there and one back. A view may still
answer with an async generator: it is iterated on the event loop (tail, export).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    MutableMapping,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import structlog
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_started
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from app.core.errors import ElkError, OverLimit, Unavailable
from app.core.limits.shares import Shares
from app.core.problem import CONTENT_TYPE, INTERNAL_ERROR, Problem, problem_of
from app.ingest.edge.admission import BodyMemory, BodyShare, HungUp, Limits, read_body
from app.ingest.edge.requests import Headers, network_of_sender, read_headers
from app.ingest.edge.responses import headers_of
from app.ingest.protocols.records import MIB, BodyLimits

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger(__name__)

# Nobody asks for anything in more than a few kilobytes, but for a list of values.
_HELD_BYTES = 64 * MIB
_BODY_SECONDS = 10.0
_BUSY = "too many requests at once, or too many of this address"


@dataclass(frozen=True, slots=True)
class BridgeLimits:
    """What is let in: bytes of one body, requests running, requests running and waiting, bytes of
    all bodies; and how long a body may take, and pause."""

    body_bytes: int
    threads: int
    requests: int = 384
    held_bytes: int = _HELD_BYTES
    body_seconds: float = _BODY_SECONDS

    def of_bodies(self) -> Limits:
        """The same, as whoever reads bodies wants it."""
        return Limits(
            body=BodyLimits(body_bytes=self.body_bytes),
            held_bytes=self.held_bytes,
            body_seconds=self.body_seconds,
            silence_seconds=self.body_seconds,
        )


class DjangoBridge:
    """An ASGI app for HTTP requests. Make it after fork: it starts threads."""

    def __init__(self, handler: WSGIHandler, limits: BridgeLimits) -> None:
        self._handler = handler
        self._body_limits = limits.of_bodies()
        self._memory = BodyMemory(limits.held_bytes)
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="web")
        self._requests = Shares(limits.requests)

    def close(self) -> None:
        """Waits for the requests that are running."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        network = network_of_sender(scope, headers)
        try:
            with self._admitted(network), self._memory.share(network) as share:
                body = await self._read_body(receive, headers, share)
                await self._serve(_environ(scope, body), scope, receive, send)
        except HungUp:
            return
        except ElkError as error:
            problem = problem_of(error)
            sent = {**problem.headers, **headers_of(error)}
            await send_problem(send, scope, replace(problem, headers=sent))

    @contextmanager
    def _admitted(self, network: str) -> Iterator[None]:
        if not self._requests.take(1, (network,)):
            raise Unavailable(_BUSY, code="busy", retry_after_seconds=1)
        try:
            yield
        finally:
            self._requests.give_back(1, (network,))

    async def _read_body(self, receive: Receive, headers: Headers, share: BodyShare) -> bytes:
        try:
            return b"".join(await read_body(receive, headers, share, self._body_limits))
        except OverLimit as full:
            raise Unavailable(_BUSY, code="busy", retry_after_seconds=1) from full

    async def _serve(
        self, environ: dict[str, Any], scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            response, content = await loop.run_in_executor(self._threads, self._answer, environ)
        except Exception:
            log.exception("request_failed_outside_django", path=scope["path"])
            await send_problem(send, scope, INTERNAL_ERROR)
            return
        await send(_start_of(response))
        if content is not None:
            await send({"type": "http.response.body", "body": content})
        elif isinstance(response, StreamingHttpResponse):
            await self._stream(response, receive, send)

    def _answer(self, environ: dict[str, Any]) -> tuple[HttpResponseBase, bytes | None]:
        """The response, closed, and its body; of one that streams, open and without a body."""
        set_script_prefix(environ["SCRIPT_NAME"])
        request_started.send(sender=type(self), environ=environ)
        response = self._handler.get_response(WSGIRequest(environ))
        if isinstance(response, HttpResponse):
            content = response.content
            response.close()
            return response, content
        # The thread goes on to other requests: what it opened must not stay with it.
        close_old_connections()
        return response, None

    async def _stream(self, response: StreamingHttpResponse, receive: Receive, send: Send) -> None:
        """Sends chunk by chunk until the end, or until the client goes away."""
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(self._send_chunks(response, send))
        gone = asyncio.create_task(_wait_until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
            await loop.run_in_executor(self._threads, response.close)

    async def _send_chunks(self, response: StreamingHttpResponse, send: Send) -> None:
        if response.is_async:
            chunks = cast("AsyncIterator[bytes]", response.streaming_content)
        else:
            chunks = self._in_thread(cast("Iterable[bytes]", response.streaming_content))
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _in_thread(self, chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        iterator = iter(chunks)
        while True:
            chunk = await loop.run_in_executor(self._threads, next, iterator, None)
            if chunk is None:
                return
            yield chunk


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _environ(scope: ASGIScope, body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 has it."""
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        # With an underscore it would pass for the header with a hyphen, which proxies guard.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        value = raw_value.decode("latin-1")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _start_of(response: HttpResponseBase) -> Message:
    headers = [
        (name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()
    ]
    headers += [
        (b"set-cookie", morsel.OutputString().encode("latin-1"))
        for morsel in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


async def send_problem(send: Send, scope: ASGIScope, problem: Problem) -> None:
    """Answers with a problem."""
    body = problem.encode(scope.get("request_id", ""))
    headers = {"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body)), **problem.headers}
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
