"""Talks to the service like any customer: HTTP, one kept connection, patience where it helps."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
_BUSY = (429, 502, 503, 504)


class CommandFailed(Exception):
    """Why a command ended without success, in words for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None

    def json(self) -> Any:
        """The body, read; `CommandFailed` if it is something else."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise CommandFailed(f"the answer is not JSON: {self.body[:200]!r}") from error

    def expect(self, *statuses: int) -> Answer:
        """The answer itself if its status is one of these."""
        if self.status in statuses:
            return self
        raise CommandFailed(f"the service answered {self.status}: {self._words()}")

    def _words(self) -> str:
        try:
            problem = json.loads(self.body)
        except ValueError:
            return self.body[:200].decode("utf-8", "replace")
        if not isinstance(problem, dict):
            return str(problem)
        told = [str(problem.get("detail") or problem.get("title") or problem)]
        told.extend(
            f"{error.get('field', '')}: {error.get('detail', '')}".strip(": ")
            for error in problem.get("errors") or ()
            if isinstance(error, dict)
        )
        return "; ".join(told)


class Client:
    """One kept connection to `url`, with the authorisation that was given last."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        address = urlsplit(url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise CommandFailed(f"{url!r} is not an address like http://127.0.0.1:8000")
        kind = http.client.HTTPSConnection if address.scheme == "https" else None
        self._connection = (kind or http.client.HTTPConnection)(
            address.hostname, address.port, timeout=TIMEOUT_SECONDS
        )
        self._prefix = address.path.rstrip("/")
        self._sleep = sleep
        self.authorization: str | None = None

    def close(self) -> None:
        """Hangs up; the next request connects again."""
        self._connection.close()

    def request(
        self, method: str, path: str, body: bytes = b"", *, content_type: str = "application/json"
    ) -> Answer:
        """One request, one answer; `OSError` when there is none."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        try:
            self._connection.request(method, self._prefix + path, body or None, headers)
            response = self._connection.getresponse()
            told = response.read()
        except http.client.HTTPException as error:
            self._connection.close()
            raise ConnectionError(f"the answer was cut short: {error}") from error
        except OSError:
            self._connection.close()
            raise
        return Answer(response.status, told, _seconds(response.getheader("Retry-After")))

    def send_json(self, path: str, value: Any) -> Answer:
        """Posts a JSON value."""
        return self.request("POST", path, json.dumps(value).encode())

    def persist(
        self, method: str, path: str, body: bytes, *, content_type: str, patience_seconds: float
    ) -> Answer:
        """Asks again while the service is away or busy, ever more slowly, until patience ends."""
        pause = FIRST_PAUSE_SECONDS
        waited = 0.0
        while True:
            try:
                answer = self.request(method, path, body, content_type=content_type)
            except OSError as error:
                if waited >= patience_seconds:
                    raise CommandFailed(f"no answer from the service: {error}") from error
                wait = pause
            else:
                if answer.status not in _BUSY or waited >= patience_seconds:
                    return answer
                wait = answer.retry_after_seconds or pause
            self._sleep(wait)
            waited += wait
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None
