"""What leaves the machine is compressed, and arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import AggregatePlan, Function, Metric, Position, SearchPlan
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record

pytestmark = pytest.mark.elastic


def test_compressed_records_and_questions_are_understood(location: Path) -> None:
    gzipped = str(location).replace("#", "?gzip=true#")
    writer = ElasticWriter(gzipped)
    writer.append([a_record("a b c" * 1000) for _ in range(50)], position=Position("j", 1))
    writer.close()
    reader = ElasticReader(gzipped)
    assert reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).total == 50
    plan = AggregatePlan(Everything(), ALWAYS, (), (Metric(Function.COUNT, "n"),))
    assert [table.rows for table in reader.aggregate(ALICE, [plan, plan])] == [((50,),)] * 2
    reader.close()
