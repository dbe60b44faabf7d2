"""Who sends: an API key or a person's token in the headers → a scope, remembered for a moment."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from app.core.clock import Clock
from app.core.errors import ElkError, Refused, Unauthenticated, Unavailable
from app.core.scope import Scope
from app.ingest.requests import Headers
from app.users.credentials import Credential, KeyShown, TokenShown, find_credential

_ORGANISATION_LENGTH = 200


class Shown(NamedTuple):
    """What the sender showed. `organisation` matters to people only: they may have several."""

    credential: Credential
    organisation: str = ""


class Authenticator(Protocol):
    """Says whose request this is; raises `Unauthenticated`, `Forbidden` or `NotFound`."""

    async def __call__(self, headers: Headers) -> Scope: ...


LookUp = Callable[[Shown], Scope]


def read_shown(headers: Headers) -> Shown:
    """The credential in the headers, in any of the forms that shippers use."""
    credential = find_credential(
        {
            "X-API-Key": headers.get("x-api-key", ""),
            "Authorization": headers.get("authorization", ""),
        }
    )
    if credential is None:
        raise Unauthenticated("an API key or an access token is needed")
    return Shown(credential, headers.get("x-organisation", "").strip()[:_ORGANISATION_LENGTH])


class _Remembered(NamedTuple):
    until: float
    outcome: Scope | Refused


class CachedAuthenticator:
    """Asks `look_up` in a thread, at most once at a time for one credential.

    Answers are remembered by a keyed hash: good ones for `seconds`, refusals for
    `refused_seconds`; at most `size` of them. For one event loop.
    """

    def __init__(
        self,
        look_up: LookUp,
        clock: Clock,
        *,
        seconds: float = 30.0,
        refused_seconds: float = 3.0,
        size: int = 10_000,
        threads: int = 4,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._seconds = seconds
        self._refused_seconds = refused_seconds
        self._size = size
        self._max_running = 64 * threads
        self._salt = secrets.token_bytes(16)
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._running: dict[bytes, asyncio.Future[Scope | Refused]] = {}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ingest-auth")

    async def __call__(self, headers: Headers) -> Scope:
        shown = read_shown(headers)
        name = self._name_of(shown)
        known = self._known.get(name)
        if known is not None and known.until > self._clock.monotonic():
            self._known.move_to_end(name)
            outcome = known.outcome
        else:
            outcome = await self._ask_once(name, shown)
        if isinstance(outcome, Refused):
            # A new one each time: a raised error carries its traceback along.
            raise type(outcome)(outcome.detail, code=outcome.code)
        return outcome

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _name_of(self, shown: Shown) -> bytes:
        match shown.credential:
            case KeyShown(key):
                text = f"key\0{key}"
            case TokenShown(token):
                text = f"token\0{token}\0{shown.organisation}"
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._salt).digest()

    async def _ask_once(self, name: bytes, shown: Shown) -> Scope | Refused:
        running = self._running.get(name)
        if running is None:
            if len(self._running) >= self._max_running:
                raise Unavailable(
                    "too many senders at once", code="sign_in_busy", retry_after_seconds=1
                )
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self._ask, shown)
            self._running[name] = running
            running.add_done_callback(lambda done: self._remember(name, done))
        return await asyncio.shield(running)

    def _ask(self, shown: Shown) -> Scope | Refused:
        try:
            return self._look_up(shown)
        except Refused as refused:
            return refused.with_traceback(None)

    def _remember(self, name: bytes, done: asyncio.Future[Scope | Refused]) -> None:
        self._running.pop(name, None)
        if done.cancelled() or done.exception() is not None:
            return
        outcome = done.result()
        seconds = self._refused_seconds if isinstance(outcome, ElkError) else self._seconds
        self._known[name] = _Remembered(self._clock.monotonic() + seconds, outcome)
        self._known.move_to_end(name)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
