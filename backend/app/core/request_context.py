"""Which request is being answered: its id and where it came from, for errors, logs and audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from app.core.ids import uuid7

HEADER = "X-Request-ID"

# What a proxy or a client may call a request: it is written to logs and sent back in a header.
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`request_id` is empty outside of requests; `address` is the client's, as far as known."""

    request_id: str = ""
    address: str = ""


_NO_REQUEST = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_NO_REQUEST)


def current_request() -> RequestContext:
    """The request that this thread or task works for."""
    return _current.get()


@contextmanager
def answering(context: RequestContext) -> Iterator[None]:
    """Makes `context` the current request."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def request_id_from(sent: str | None) -> str:
    """The id that was sent with a request if it is acceptable, else a new one."""
    if sent is not None and _ACCEPTED_ID.fullmatch(sent):
        return sent
    return str(uuid7())
