"""Fills an organisation of its own with the made-up shop's logs: recent history, then a stream."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from app.cli.client import Client, CommandFailed
from app.cli.demo.generator import Feed, lines

NS = 1_000_000_000
BATCH = 1_000
SEED = 20_261_120
ORGANISATION = "Demo shop"
HISTORY_SECONDS = 6 * 3600
HISTORY_PER_SECOND = 2
LIVE_PER_SECOND = 10
# A batch that is not taken in this time is given up with a message; the supervisor starts anew.
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Account:
    """The demo's own user and key, kept in a file that only its owner may read."""

    username: str
    password: str
    key: str
    has_history: bool

    @classmethod
    def load(cls, path: Path) -> Account | None:
        """The account that `save` kept, or `None` where there is none that can be used."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, path: Path) -> None:
        """Replaces the file as a whole; a crash leaves the old or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        Path(temporary).replace(path)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo over one connection; `say` tells the person in front of it one sentence."""

    client: Client
    say: Callable[[str], None]

    def run(self, state: Path) -> None:
        """Never returns: sends what is due each second."""
        self.client.persist(
            "GET", "/health/live/", b"", content_type="text/plain", patience_seconds=60.0
        )
        account = Account.load(state) or self._register()
        account.save(state)
        self.client.authorization = f"ApiKey {account.key}"
        if not account.has_history:
            self.send_history(time.time_ns())
            Account(account.username, account.password, account.key, has_history=True).save(state)
        self.say(
            f"demo: {ORGANISATION} receives {LIVE_PER_SECOND} records a second; "
            f"sign in as {account.username!r} with {account.password!r}"
        )
        for now_ns in _every_second():
            self.send_live(now_ns)

    def send_history(self, now_ns: int) -> int:
        """The last hours, sparser than the stream; how many records that were."""
        step = NS // HISTORY_PER_SECOND
        return self._send(Feed(SEED, 0, step), (now_ns - HISTORY_SECONDS * NS) // step, now_ns)

    def send_live(self, now_ns: int) -> int:
        """What happened in the second before."""
        step = NS // LIVE_PER_SECOND
        return self._send(Feed(SEED + 1, 0, step), now_ns // step - LIVE_PER_SECOND, now_ns)

    def _send(self, feed: Feed, first: int, now_ns: int) -> int:
        # The feed started in 1970, so its record numbers follow from the time alone.
        last = now_ns // feed.step_ns
        for start in range(first, last, BATCH):
            body = b"\n".join(lines(feed, start, min(BATCH, last - start)))
            self.client.persist(
                "POST",
                "/api/v1/logs/",
                body,
                content_type="application/x-ndjson",
                patience_seconds=PATIENCE_SECONDS,
            ).expect(202)
        return last - first

    def _register(self) -> Account:
        username = f"demo-{secrets.token_hex(3)}"
        password = secrets.token_urlsafe(12)
        self.client.send_json(
            "/api/v1/users/register/",
            {
                "username": username,
                "email": f"{username}@example.com",
                "password": password,
                "password2": password,
                "first_name": "Demo",
                "last_name": "Shop",
                "organisation": ORGANISATION,
            },
        ).expect(201)
        told = self.client.send_json(
            "/api/auth/login/", {"username": username, "password": password}
        )
        self.client.authorization = f"Bearer {told.expect(200).json()['access']}"
        made = self.client.send_json(
            "/api/v1/api-keys/", {"name": "demo", "scopes": ["ingest", "search"]}
        )
        key = made.expect(201).json()["key"]
        if not isinstance(key, str):
            raise CommandFailed("the service gave no key")
        return Account(username, password, key, has_history=False)


def _every_second() -> Iterator[int]:
    due = time.monotonic()
    while True:
        yield time.time_ns()
        due = max(due + 1.0, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0.0))
