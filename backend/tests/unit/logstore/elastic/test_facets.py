"""Fields that are listed while partitions go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from typing_extensions import override

from app.logstore.elastic.asking import Asking
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.facets import field_list
from app.logstore.elastic.questions import confined
from app.logstore.elastic.starting import Starting
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import Position
from tests.conformance.cast import ACME
from tests.conformance.records import ALWAYS, JOURNAL, a_record

pytestmark = pytest.mark.elastic


class _Last(Asking):
    """The last partition goes before a search."""

    def __init__(self, cluster: Cluster, *, after: int) -> None:
        super().__init__(cluster, Starting(cluster))
        self._all = cluster
        self._left = after

    @override
    def searches(self, bodies: Sequence[Any]) -> list[Any]:
        if self._left == 0:
            self._all.call("DELETE", f"/{self._all.prefix}-30d-*")
        self._left -= 1
        return super().searches(bodies)


# The second search asks for kinds of values, the third for records with values of two kinds.
@pytest.mark.parametrize("after", [1, 2])
def test_the_last_partition_may_go_while_its_fields_are_listed(
    writer: ElasticWriter, cluster: Cluster, after: int
) -> None:
    records = [a_record(attributes={"a": value}) for value in (1, "x")]
    writer.append(records, position=Position(JOURNAL, 1))
    writer.commit()
    query = confined(ACME, {"match_all": {}}, ALWAYS, None)
    found = field_list(_Last(cluster, after=after), cluster, ACME, query, 100)
    assert found.total == 2
    assert ("a" in {field.name for field in found.fields}) is (after == 2)
