"""All records of a question, page after page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from app.logstore.types import Page, SearchPlan, StoredRecord, sort_key_of


def scan_pages(search: Callable[[SearchPlan], Page], plan: SearchPlan) -> Iterator[StoredRecord]:
    """The records of the plan's page and of all that follow it, each page asked for when needed."""
    page = search(plan)
    yield from page.records
    while page.has_more and page.records:
        last = page.records[-1]
        plan = replace(plan, after=sort_key_of(last))
        page = search(plan)
        yield from page.records
