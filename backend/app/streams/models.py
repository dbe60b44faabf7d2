"""The models of streams, private to it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from app.core.clock import utc_now
from app.core.tenancy import OpenTenantManager, TenantModel

NAME_LENGTH = 63
# A pool's name or an organisation's UUID.
POOL_LENGTH = 36
ROUTE_LENGTH = 100


class Stream(TenantModel):
    """Where records of an organisation go, and how long they stay.

    `retention_days` may be null: then the installation's RETENTION_DAYS holds, also when it
    changes later.
    """

    name = models.SlugField(max_length=NAME_LENGTH)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="one_stream_of_a_name")
        ]

    @override
    def __str__(self) -> str:
        return self.name


class Placement(TenantModel):
    """From a receive time on, an organisation's records of a class go to this pool, or `own`.

    `from_ns` is the start of a period, and lies in the future when the row is written; rows are
    never changed, so that nobody who asks late gets another answer.
    """

    retention_class = models.PositiveSmallIntegerField()
    from_ns = models.BigIntegerField()
    pool = models.CharField(max_length=POOL_LENGTH)
    reason = models.CharField(max_length=16)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    # Whoever writes records has to know where everybody's belong. There are few rows: most
    # organisations share the first pool and have none.
    objects: ClassVar[OpenTenantManager[Placement]] = OpenTenantManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "retention_class", "from_ns"],
                name="one_placement_of_a_time",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.retention_class}d {self.pool}"


class Phase(models.TextChoices):
    """How far the move of a partition is."""

    COPYING = "copying"  # the originals count, copies are hidden
    EMPTYING = "emptying"  # everything was copied and compared: copies count, originals go
    DONE = "done"


class RecordMove(TenantModel):
    """One organisation's records of one partition on their way to another place.

    `route` says from which store to which, `own` inside one store to the organisation's own
    partition. `run` counts from 1 how often it was begun after it had been done. Each change of
    `phase` is a compare-and-set.
    """

    route = models.CharField(max_length=ROUTE_LENGTH)
    retention_class = models.PositiveSmallIntegerField()
    pool = models.CharField(max_length=POOL_LENGTH)
    period = models.CharField(max_length=10)
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.COPYING)
    run = models.PositiveIntegerField(default=1)
    records = models.BigIntegerField(default=0)
    through = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=32, blank=True)
    changed_at = models.DateTimeField(default=utc_now)

    # Writers and readers have to know of everybody's, which are as many as there are moved
    # partitions that still exist.
    objects: ClassVar[OpenTenantManager[RecordMove]] = OpenTenantManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "route", "retention_class", "pool", "period"],
                name="one_move_of_a_partition",
            )
        ]
        # Every process that searches asks for the unfinished ones, which are few, all the time.
        indexes = [models.Index(fields=["phase"], name="moves_by_phase")]

    @override
    def __str__(self) -> str:
        return f"{self.retention_class}d-{self.pool}/{self.period} {self.phase}"
