"""Quotas in the config database, and setting them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.utils import IntegrityError

from app.audit.services import record
from app.core.clock import utc_now
from app.core.db import ask_database, run_atomic
from app.core.ids import OrgId
from app.core.scope import Scope
from app.ingest.edge.quotas import Quota
from app.ingest.models import IngestQuota


def load_quotas() -> Mapping[OrgId, Quota]:
    """Of all organisations that have one of their own. For threads of the edge."""
    return ask_database(
        lambda: {
            OrgId(org_id): Quota(records, size)
            for org_id, records, size in IngestQuota.objects.of_everybody().values_list(
                "organisation_id", "records_per_second", "bytes_per_day"
            )
        }
    )


def find_quota(scope: Scope) -> Quota | None:
    """The organisation's own quota; `None` where the one of the settings holds."""
    row = IngestQuota.objects.for_scope(scope).first()
    return None if row is None else Quota(row.records_per_second, row.bytes_per_day)


def set_quota(scope: Scope, *, quota: Quota | None) -> None:
    """Gives the organisation a quota of its own, or with `None` the one of the settings; within
    half a minute every process knows."""

    def work() -> None:
        before = find_quota(scope)
        rows = IngestQuota.objects.for_scope(scope)
        if quota is None:
            rows.delete()
        elif not rows.update(**_shown(quota), changed_at=utc_now()):
            IngestQuota.objects.create_for(scope, **_shown(quota))
        record(
            scope,
            action="ingest_quota_changed",
            subject=("organisation", scope.org_id),
            before=None if before is None else _shown(before),
            after=None if quota is None else _shown(quota),
        )

    try:
        run_atomic(work)
    except IntegrityError:
        # Somebody else gave it its first quota at the same time: the later one holds.
        run_atomic(work)


def _shown(quota: Quota) -> dict[str, int]:
    return {
        "records_per_second": quota.records_per_second,
        "bytes_per_day": quota.bytes_per_day,
    }
