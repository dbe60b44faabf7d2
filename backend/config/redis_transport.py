"""Kombu's transport for Redis, for workers that outlive the server's absence.

A worker of several processes ends when Redis goes away while a job is under way, and takes the job
along: its channel cannot be closed while it waits for messages, is closed a second time when its
transport has forgotten the address, and asks for that to give the job's message back. What comes of
it is no connection error, which Celery expects, but an AttributeError (Celery and kombu 5.7.0).

A Redis that answers but refuses to be written to (it became a replica, cannot save, is full) would be
connected to again and again without a pause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.transport import redis
from typing_extensions import override

# The types do not know it; where a new version does not either, this fails at once.
_parameters: Callable[..., dict[str, Any]] = vars(redis.Channel)["_connparams"]
# How long what a new connection wrote stays there.
_WRITTEN_SECONDS = 60


class Channel(redis.Channel):
    """Knows its server after its transport has forgotten it: what it brought is then given back and
    acknowledged there, or that fails with a connection error."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._known: dict[bool, dict[str, Any]] = {}
        super().__init__(*arguments, **named)
        for asynchronous in (True, False):
            self._connparams(asynchronous=asynchronous)

    def _connparams(self, *, asynchronous: bool = False) -> dict[str, Any]:
        if getattr(self.connection, "client", None) is not None:
            self._known[asynchronous] = _parameters(self, asynchronous=asynchronous)
        return dict(self._known[asynchronous])


class Transport(redis.Transport):
    """Takes a server that cannot be written to for one that is away: it is tried again in a while."""

    Channel = Channel

    @override
    def establish_connection(self) -> Any:
        # It is this very object, with a channel, of which the types say nothing.
        made: Any = super().establish_connection()
        try:
            made._avail_channels[-1].client.set("writable", "", ex=_WRITTEN_SECONDS)
        except self.channel_errors as error:
            made.close_connection(made)
            raise ConnectionError(str(error)) from error
        return made
