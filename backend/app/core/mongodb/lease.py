"""A lease on a name, for what one process at a time may do: kept by the server's clock alone.

Work is claimed in `app.core.due_work`. This is for migrating, which makes the table of that first.
"""

from __future__ import annotations

import threading
import uuid
from typing import Any

import structlog
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from app.core.mongodb.errors import translated

log = structlog.get_logger(__name__)

COLLECTION = "leases"
LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0


class Lease:
    """Held until it is given back, or until its holder has been gone for `LEASE_SECONDS`."""

    def __init__(self, database: Any, name: str, *, seconds: float = LEASE_SECONDS) -> None:
        self._leases = database[COLLECTION]
        self._name = name
        self._milliseconds = int(seconds * 1000)
        self._renew_seconds = seconds * RENEW_SECONDS / LEASE_SECONDS
        self._holder = uuid.uuid4().hex
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> bool:
        """Whether it is held by this one now; renewed from then on by a thread."""
        free = {"$lt": [{"$ifNull": ["$until", "$$NOW"]}, {"$add": ["$$NOW", 1]}]}
        holder = {"$cond": [free, self._holder, "$holder"]}
        until = {"$cond": [free, self._end(), "$until"]}
        with translated():
            taken = self._leases.find_one_and_update(
                {"_id": self._name},
                [{"$set": {"holder": holder, "until": until}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        if taken["holder"] != self._holder:
            return False
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()
        return True

    def give_back(self) -> None:
        """The next one may have it at once."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()
            with translated():
                self._leases.delete_one({"_id": self._name, "holder": self._holder})

    def _renew(self) -> None:
        while not self._is_over.wait(self._renew_seconds):
            try:
                self._leases.update_one(
                    {"_id": self._name, "holder": self._holder}, [{"$set": {"until": self._end()}}]
                )
            except PyMongoError as error:
                log.warning("lease_not_renewed", name=self._name, error=str(error))

    def _end(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", self._milliseconds]}
