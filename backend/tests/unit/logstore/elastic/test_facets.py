"""Fields that are listed while partitions go, and values that are read from the records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from typing_extensions import override

from app.logstore.elastic.asking import Asking
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.facets import field_list
from app.logstore.elastic.questions import confined
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.starting import Starting
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import NS_PER_DAY, Position, ValueCount
from app.query.fields import field_named
from app.query.filters import Everything
from tests.conformance.cast import ACME, ALICE
from tests.conformance.records import ALWAYS, JOURNAL, NOON_NS, a_record, a_sent_record

pytestmark = pytest.mark.elastic


class _Last(Asking):
    """The last partition goes before a search."""

    def __init__(self, cluster: Cluster, *, after: int) -> None:
        super().__init__(cluster, Starting(cluster), ACME)
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


def test_values_of_records_of_one_id_and_one_time_are_all_counted(
    writer: ElasticWriter, reader: ElasticReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Too long for a column: they are read from the records, and a page ends between the two.
    monkeypatch.setattr("app.logstore.elastic.facets._PAGE", 1)
    long = "x" * 9_000
    for number, days in enumerate((0, 40), start=1):
        received = NOON_NS + days * NS_PER_DAY
        record = a_sent_record("twin", received=received, attributes={"a": long})
        writer.append([record], position=Position(JOURNAL, number))
        writer.commit()
    found = reader.field_values(ALICE, field_named("a"), Everything(), ALWAYS)
    assert found.values == (ValueCount(long, 2),)
