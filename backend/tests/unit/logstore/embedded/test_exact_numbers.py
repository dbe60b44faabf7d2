"""Numbers come out as they went in, to the last bit."""

from __future__ import annotations

import math
import random
import struct
from pathlib import Path

from app.logstore.embedded.reader import EmbeddedReader
from app.logstore.embedded.writer import EmbeddedWriter
from app.logstore.types import Position, SearchPlan
from app.query.fields import Field, Kind
from app.query.filters import Equals
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record

X = Field("x", Kind.ATTRIBUTE)


def doubles() -> list[float]:
    chance = random.Random(11)
    bits = [struct.unpack("d", chance.randbytes(8))[0] for _ in range(400)]
    near = [chance.random() * 10.0 ** chance.randint(-8, 18) for _ in range(400)]
    known = [0.1 + 0.2, 9.223372036854775e18, 9007199254740991.0, 5e-324, 1e23, -0.0]
    return [number for number in [*known, *bits, *near] if math.isfinite(number)]


def test_every_double_is_found_by_its_value(tmp_path: Path) -> None:
    numbers = doubles()
    writer = EmbeddedWriter(tmp_path)
    records = [a_record(str(number), attributes={"x": number}) for number in numbers]
    writer.append(records, position=Position("j", 1))
    writer.close()
    reader = EmbeddedReader(tmp_path)
    missed = [
        number
        for number in numbers
        if reader.search(ALICE, SearchPlan(Equals(X, (number,)), ALWAYS)).total != 1
    ]
    reader.close()
    assert missed == []
