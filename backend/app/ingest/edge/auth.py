"""Who sends: an API key or a person's token in the headers → a scope, remembered for a moment."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog

from app.core.clock import Clock
from app.core.errors import ElkError, Refused, Unauthenticated, Unavailable
from app.core.scope import Scope
from app.ingest.edge.requests import Headers
from app.users.credentials import Credential, KeyShown, TokenShown, find_credential

log = structlog.get_logger(__name__)

_ORGANISATION_LENGTH = 200


class Shown(NamedTuple):
    """What the sender showed. `organisation` matters to people only: they may have several."""

    credential: Credential
    organisation: str = ""


class Authenticator(Protocol):
    """Says whose request this is; raises `Unauthenticated`, `Forbidden` or `NotFound`."""

    async def __call__(self, headers: Headers) -> Scope: ...


class Admitted(NamedTuple):
    """Whose request it is, and until when the credential is good; `None`: until it is revoked."""

    scope: Scope
    expires_at: datetime | None = None


LookUp = Callable[[Shown], Admitted]


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
    outcome: Admitted | Refused
    # Since then it could not be asked again; `None`: it was answered when it was asked last.
    doubtful_since: float | None = None


class Lifetimes(NamedTuple):
    """For how long an answer holds: a good one, a refusal, and a good one whose holder nobody can be
    asked about."""

    seconds: float = 30.0
    refused_seconds: float = 3.0
    outage_seconds: float = 900.0


class CachedAuthenticator:
    """Asks `look_up` in a thread, at most once at a time for one credential.

    Answers are remembered by a keyed hash, at most `size` of them, and no good one for longer than
    its credential lasts. While nobody answers `look_up` a good one goes on to hold: without the
    database no key is revoked either. For one event loop.
    """

    def __init__(
        self,
        look_up: LookUp,
        clock: Clock,
        *,
        lifetimes: Lifetimes | None = None,
        size: int = 10_000,
        threads: int = 4,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._lifetimes = lifetimes or Lifetimes()
        self._size = size
        self._max_running = 64 * threads
        self._salt = secrets.token_bytes(16)
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._running: dict[bytes, asyncio.Future[Admitted | Refused]] = {}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ingest-auth")

    async def __call__(self, headers: Headers) -> Scope:
        shown = read_shown(headers)
        name = self._name_of(shown)
        known = self._known.get(name)
        if known is not None and self._has_expired(known.outcome):
            del self._known[name]
            known = None
        if known is not None and known.until > self._clock.monotonic():
            self._known.move_to_end(name)
            outcome = known.outcome
        else:
            outcome = await self._ask_again(name, shown, known)
        if isinstance(outcome, Refused):
            # A new one each time: a raised error carries its traceback along.
            raise type(outcome)(outcome.detail, code=outcome.code)
        return outcome.scope

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _has_expired(self, outcome: Admitted | Refused) -> bool:
        if isinstance(outcome, Refused) or outcome.expires_at is None:
            return False
        return outcome.expires_at.timestamp() * 1e9 <= self._clock.now_ns()

    def _name_of(self, shown: Shown) -> bytes:
        match shown.credential:
            case KeyShown(key):
                text = f"key\0{key}"
            case TokenShown(token):
                text = f"token\0{token}\0{shown.organisation}"
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._salt).digest()

    async def _ask_again(
        self, name: bytes, shown: Shown, known: _Remembered | None
    ) -> Admitted | Refused:
        if known is None or not isinstance(known.outcome, Admitted):
            return await self._ask_once(name, shown)
        if known.doubtful_since is None:
            try:
                return await self._ask_once(name, shown)
            except Unavailable:
                now_known = self._known.get(name)
                if now_known is None or now_known.doubtful_since is None:
                    raise
                return known.outcome
        if self._clock.monotonic() - known.doubtful_since >= self._lifetimes.outage_seconds:
            return await self._ask_once(name, shown)
        # Looked up beside this request: its sender need not wait for a database that is away.
        with suppress(Unavailable):
            self._start(name, shown)
        return known.outcome

    async def _ask_once(self, name: bytes, shown: Shown) -> Admitted | Refused:
        return await asyncio.shield(self._start(name, shown))

    def _start(self, name: bytes, shown: Shown) -> asyncio.Future[Admitted | Refused]:
        running = self._running.get(name)
        if running is None:
            # Strangers who try many keys must not keep out whoever was let in before.
            known = self._known.get(name)
            is_known = known is not None and isinstance(known.outcome, Admitted)
            if len(self._running) >= self._max_running and not is_known:
                raise Unavailable(
                    "too many senders at once", code="sign_in_busy", retry_after_seconds=1
                )
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self._ask, shown)
            self._running[name] = running
            running.add_done_callback(lambda done: self._remember(name, done))
        return running

    def _ask(self, shown: Shown) -> Admitted | Refused:
        try:
            return self._look_up(shown)
        except Refused as refused:
            return refused.with_traceback(None)

    def _remember(self, name: bytes, done: asyncio.Future[Admitted | Refused]) -> None:
        self._running.pop(name, None)
        if done.cancelled():
            return
        now = self._clock.monotonic()
        error = done.exception()
        if isinstance(error, Unavailable):
            known = self._known.get(name)
            if known is not None and isinstance(known.outcome, Admitted):
                log.warning("sender_not_looked_up", error=error.detail)
                since = now if known.doubtful_since is None else known.doubtful_since
                until = now + self._lifetimes.refused_seconds
                self._known[name] = _Remembered(until, known.outcome, since)
            return
        if error is not None:
            return
        outcome = done.result()
        held = self._lifetimes
        seconds = held.refused_seconds if isinstance(outcome, ElkError) else held.seconds
        self._known[name] = _Remembered(now + seconds, outcome)
        self._known.move_to_end(name)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
