"""What is due, who does it, and that it was done: in the config database, not in messages.

A message only says that somebody should look here. One that is lost, comes twice or comes late, two
beats, a worker that is killed: none of them changes what is done. Whoever claims work holds it for a
lease; if they do not finish in that time, somebody else begins anew. Then the first one can no
longer finish it, but may have had effects: these have to be the same when they happen twice, or be
in one transaction with `finish`.

Times are those of the machines: their clocks must agree to a small part of a lease.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError
from django.db.models import QuerySet

from app.core.clock import utc_now
from app.core.models import DueWork

PERIODIC = "periodic"
# Several who ask at once get different rows of so many times what each asked for.
_SPREAD = 4
_TRIES = 3
_CHANCE = secrets.SystemRandom()
_MOST_AT_ONCE = 1_000
# After a failure it is tried again, but not at once.
_RETRY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Claim:
    """Work that is ours until `leased_until`. `due_at` says which time of it is owed."""

    work_id: UUID
    kind: str
    key: str
    due_at: datetime
    leased_until: datetime
    holder: str


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """Something to be done `every` so often, in less than `lease`."""

    name: str
    every: timedelta
    lease: timedelta


def ensure(kind: str, key: str, *, due_at: datetime) -> None:
    """Makes it due at this time, unless it is known already."""
    if _rows(kind, key).exists():
        return
    try:
        DueWork.objects.create(kind=kind, key=key, due_at=due_at, claimable_at=due_at)
    except IntegrityError:
        # Somebody else was faster with the same.
        if not _rows(kind, key).exists():
            raise


def withdraw(kind: str, key: str) -> bool:
    """Nobody has to do it any more; whether it was known. Who holds it cannot finish it."""
    return bool(_rows(kind, key).delete()[0])


def claim(kind: str, *, now: datetime, lease: timedelta, limit: int = 1) -> list[Claim]:
    """At most `limit` of what is due and nobody holds, the longest due first as far as others leave
    it. Nobody else gets the same before `now + lease`."""
    due = DueWork.objects.filter(kind=kind, claimable_at__lte=now).order_by("claimable_at", "id")
    limit = min(limit, _MOST_AT_ONCE)
    for _ in range(_TRIES):
        found = list(due.values_list("pk", flat=True)[: limit * _SPREAD])
        if not found:
            return []
        if len(found) > limit:
            # In order, or two who ask at once hinder each other row by row.
            found = sorted(_CHANCE.sample(found, limit), key=found.index)
        claimed = _claim_of(DueWork.objects.filter(pk__in=found), now, lease)
        if claimed:
            return claimed
    return []


def claim_one(kind: str, key: str, *, now: datetime, lease: timedelta) -> Claim | None:
    """This one, if it is due and nobody holds it."""
    claimed = _claim_of(_rows(kind, key), now, lease)
    return claimed[0] if claimed else None


def finish(claimed: Claim, *, next_due_at: datetime) -> bool:
    """It was done, and is due again then. `False`: the lease ended and it is, or was, another's."""
    return _held(claimed).update(due_at=next_due_at, claimable_at=next_due_at, holder="") == 1


def extend(claimed: Claim, *, until: datetime) -> Claim | None:
    """Holds it for longer; `None`: it is not ours any more, stop."""
    if _held(claimed).update(claimable_at=until) != 1:
        return None
    return replace(claimed, leased_until=until)


def release(claimed: Claim, *, retry_at: datetime) -> bool:
    """It could not be done: the same is to be tried again then."""
    return _held(claimed).update(claimable_at=retry_at, holder="") == 1


def oldest_due(kind: str) -> datetime | None:
    """Since when the longest due is claimable; `None` when there is none of this kind."""
    rows = DueWork.objects.filter(kind=kind).order_by("claimable_at", "id")
    return rows.values_list("claimable_at", flat=True).first()


def run_if_due(
    job: PeriodicJob, work: Callable[[Claim], None], *, now: Callable[[], datetime] = utc_now
) -> bool:
    """Does the job if it is due and nobody else is at it; whether it was done and is ours.

    Times that were missed while nobody asked are done once, not one after the other. A failure is
    raised, and tried again half a minute later.
    """
    claimed = _claim_periodic(job, now())
    if claimed is None:
        return False
    try:
        work(claimed)
    except Exception:
        release(claimed, retry_at=now() + min(_RETRY, job.every))
        raise
    return finish(claimed, next_due_at=next_time(claimed.due_at, job.every, now()))


def next_time(due_at: datetime, every: timedelta, now: datetime) -> datetime:
    """The first of `due_at`, `due_at + every`, … that lies ahead."""
    missed = max(0, (now - due_at) // every)
    return due_at + every * (missed + 1)


def _claim_periodic(job: PeriodicJob, now: datetime) -> Claim | None:
    claimed = claim_one(PERIODIC, job.name, now=now, lease=job.lease)
    if claimed is not None:
        return claimed
    rows = _rows(PERIODIC, job.name)
    claimable_at = rows.values_list("claimable_at", flat=True).first()
    if claimable_at is None:
        ensure(PERIODIC, job.name, due_at=now)
    elif claimable_at > now + job.every + job.lease:
        # Nobody means that: it was done, or is held, by a clock that was wrong.
        rows.filter(claimable_at=claimable_at).update(due_at=now, claimable_at=now, holder="")
    else:
        return None
    return claim_one(PERIODIC, job.name, now=now, lease=job.lease)


def _claim_of(rows: QuerySet[DueWork], now: datetime, lease: timedelta) -> list[Claim]:
    holder = secrets.token_hex(16)
    until = now + lease
    # The compare-and-set: of all who ask, one finds it claimable.
    if not rows.filter(claimable_at__lte=now).update(holder=holder, claimable_at=until):
        return []
    claimed = [
        Claim(row.id, row.kind, row.key, row.due_at, until, holder)
        for row in rows.filter(holder=holder)
    ]
    return sorted(claimed, key=lambda one: (one.due_at, one.key))


def _held(claimed: Claim) -> QuerySet[DueWork]:
    return DueWork.objects.filter(pk=claimed.work_id, holder=claimed.holder)


def _rows(kind: str, key: str) -> QuerySet[DueWork]:
    return DueWork.objects.filter(kind=kind, key=key)
