"""Answers of the edge: ASGI messages, problem+json, and the errors that only HTTP knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.core.errors import ElkError, Refused
from app.core.problem import CONTENT_TYPE, problem_of

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json"


class HttpRefused(Refused):
    """A refusal with headers of its own."""

    def __init__(
        self, detail: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.headers = dict(headers or {})


class MethodNotAllowed(HttpRefused):
    """405: the path is there, the method is not; `Allow` says which are."""

    status = 405
    title = "Method not allowed"
    default_code = "method_not_allowed"


class NotAcceptable(HttpRefused):
    """406: as Elasticsearch answers a content type that it does not know."""

    status = 406
    title = "Not acceptable"
    default_code = "not_acceptable"


class TooSlow(HttpRefused):
    """408: the body did not arrive in time."""

    status = 408
    title = "Request timeout"
    default_code = "request_timeout"
    permanent = False


class LengthRequired(HttpRefused):
    """411: a body whose end nobody named."""

    status = 411
    title = "Length required"
    default_code = "length_required"


class UnsupportedMedia(HttpRefused):
    """415: a content type or encoding that is not spoken here."""

    status = 415
    title = "Unsupported media type"
    default_code = "unsupported_media_type"


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Sequence[tuple[str, str]] = field(default=())


def json_answer(status: int, value: Any, *, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """A value as compact JSON."""
    return Answer(status, orjson.dumps(value), JSON, headers)


def problem_answer(error: ElkError, *, request_id: str) -> Answer:
    """An error as RFC 9457 problem+json."""
    problem = problem_of(error)
    headers = {**problem.headers, **headers_of(error)}
    return Answer(problem.status, problem.encode(request_id), CONTENT_TYPE, list(headers.items()))


def headers_of(error: ElkError) -> dict[str, str]:
    """The headers that an error brings along."""
    return error.headers if isinstance(error, HttpRefused) else {}


async def send_answer(
    send: Send, answer: Answer, *, request_id: str, is_head: bool = False
) -> None:
    """Sends a whole answer; to HEAD without its body, but with its length."""
    await send(_start_of(answer, request_id, len(answer.body)))
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})


async def send_cut_answer(send: Send, answer: Answer, *, request_id: str) -> None:
    """Sends an answer that is one byte short of what it promises: the server then closes the
    connection, and the client knows that the transfer failed, whatever it makes of the status."""
    await send(_start_of(answer, request_id, len(answer.body) + 1))
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})


def _start_of(answer: Answer, request_id: str, length: int) -> Message:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(length).encode()),
        (b"x-request-id", request_id.encode("latin-1")),
    ]
    headers += [(name.encode("latin-1"), text.encode("latin-1")) for name, text in answer.headers]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
