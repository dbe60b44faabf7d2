"""Who sends: an API key or a person's token in the headers → a scope, remembered for a moment."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import NamedTuple, Protocol

from app.core.clock import Clock
from app.core.errors import ElkError, Refused, Unauthenticated, Unavailable
from app.core.scope import Scope
from app.ingest.requests import Headers

KEY_PREFIX = "elkv_"
_MAX_CREDENTIAL_LENGTH = 8192


class CredentialKind(Enum):
    """What was shown."""

    MACHINE = "machine"  # an API key
    PERSON = "person"  # an access token


class Credential(NamedTuple):
    """What the sender showed; `organisation` only matters to people, who may have several."""

    kind: CredentialKind
    secret: str
    organisation: str = ""


class Authenticator(Protocol):
    """Says whose request this is; raises `Unauthenticated`, `Forbidden` or `NotFound`."""

    async def __call__(self, headers: Headers) -> Scope: ...


LookUp = Callable[[Credential], Scope]


def read_credential(headers: Headers) -> Credential:
    """The credential in the headers, in any of the forms that shippers use."""
    key = headers.get("x-api-key")
    if key:
        return Credential(CredentialKind.MACHINE, _sane(key.strip()))
    scheme, _, text = headers.get("authorization", "").strip().partition(" ")
    text = _sane(text.strip())
    match scheme.lower():
        case "apikey":
            return Credential(CredentialKind.MACHINE, _of_pair(text))
        case "bearer" if text.startswith(KEY_PREFIX):
            return Credential(CredentialKind.MACHINE, text)
        case "bearer" if text:
            organisation = headers.get("x-organisation", "").strip()
            return Credential(CredentialKind.PERSON, text, organisation[:200])
        case "basic":
            return Credential(CredentialKind.MACHINE, _of_pair(text))
        case "":
            raise Unauthenticated("an API key or an access token is needed")
        case _:
            raise Unauthenticated("this kind of authorization is not known", code="unknown_scheme")


def _sane(text: str) -> str:
    if len(text) > _MAX_CREDENTIAL_LENGTH:
        raise Unauthenticated("the credential is too long")
    return text


def _of_pair(text: str) -> str:
    """The key in `base64(anything:key)`, or the key itself."""
    if text.startswith(KEY_PREFIX):
        return text
    try:
        pair = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthenticated("the credential cannot be read") from None
    name, _, key = pair.partition(":")
    # `curl -u <key>:` puts it before the colon.
    return name if not key and name.startswith(KEY_PREFIX) else key


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
        credential = read_credential(headers)
        name = self._name_of(credential)
        known = self._known.get(name)
        if known is not None and known.until > self._clock.monotonic():
            self._known.move_to_end(name)
            outcome = known.outcome
        else:
            outcome = await self._ask_once(name, credential)
        if isinstance(outcome, Refused):
            # A new one each time: a raised error carries its traceback along.
            raise type(outcome)(outcome.detail, code=outcome.code)
        return outcome

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _name_of(self, credential: Credential) -> bytes:
        text = f"{credential.kind.value}\0{credential.organisation}\0{credential.secret}"
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt)
        return digest.digest()

    async def _ask_once(self, name: bytes, credential: Credential) -> Scope | Refused:
        running = self._running.get(name)
        if running is None:
            if len(self._running) >= self._max_running:
                raise Unavailable(
                    "too many senders at once", code="sign_in_busy", retry_after_seconds=1
                )
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self._ask, credential)
            self._running[name] = running
            running.add_done_callback(lambda done: self._remember(name, done))
        return await asyncio.shield(running)

    def _ask(self, credential: Credential) -> Scope | Refused:
        try:
            return self._look_up(credential)
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
