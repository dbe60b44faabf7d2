"""Partitions: a pure function of class and receive time, and their names."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import OrgId
from app.logstore.partitions import (
    Home,
    expires_ns,
    is_period,
    parse_group,
    period_bounds,
    period_of,
    previous,
    remembers_previous,
)
from app.logstore.places import Places
from app.logstore.types import NS_PER_DAY, RETENTION_CLASSES

ACME = OrgId(UUID("018f3c00-0000-7000-8000-00000000000a"))
NOON_NS = 1_795_176_000_000_000_000  # 2026-11-20T12:00:00Z, a Friday

classes = st.sampled_from(RETENTION_CLASSES)
instants = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("retention_class", "period"),
    [
        (3, "2026-11-20"),
        (7, "2026-11-20"),
        (14, "2026-11-20"),
        (30, "2026-w47"),
        (90, "2026-w47"),
        (365, "2026-11"),
    ],
)
def test_a_period_is_a_day_a_week_or_a_month(retention_class: int, period: str) -> None:
    assert period_of(retention_class, NOON_NS) == period


@given(classes, instants)
def test_the_bounds_of_a_period_contain_what_it_was_named_for(days: int, at: int) -> None:
    start, end = period_bounds(period_of(days, at))
    assert start <= at < end


@given(classes, instants)
def test_periods_leave_no_gap(days: int, at: int) -> None:
    home = Home(days, "pool0", period_of(days, at))
    start, end = period_bounds(home.period)
    assert period_of(days, start) == home.period
    assert period_of(days, end) != home.period
    if start > 0:
        assert period_bounds(previous(home).period)[1] == start


def test_a_partition_expires_when_its_last_record_does() -> None:
    home = Places().home_of(ACME, 7, NOON_NS)
    assert home.name == "7d-pool0/2026-11-20"
    assert expires_ns(home) == NOON_NS + NS_PER_DAY // 2 + 7 * NS_PER_DAY


def test_the_period_before_is_remembered_for_a_day() -> None:
    home = Places().home_of(ACME, 30, NOON_NS)
    start, _ = period_bounds(home.period)
    assert remembers_previous(home, start + NS_PER_DAY - 1)
    assert not remembers_previous(home, start + NS_PER_DAY)


@pytest.mark.parametrize(
    "name", ["pool0", "30d", "30d-", "31d-pool0", "broken-2026-11", "x30d-pool0", "-3d-pool0"]
)
def test_other_directories_are_no_groups(name: str) -> None:
    assert parse_group(name) is None


def test_a_group_is_read_back() -> None:
    assert parse_group("90d-pool0") == (90, "pool0")


@pytest.mark.parametrize(
    "name",
    ["broken-2026-11-1", "2026", "2026-13", "2026-w54", "2026-11-31", "", "index", "2026-1-1"],
)
def test_other_names_are_no_periods(name: str) -> None:
    assert not is_period(name)


@given(classes, instants)
def test_every_period_is_one(days: int, at: int) -> None:
    assert is_period(period_of(days, at))
