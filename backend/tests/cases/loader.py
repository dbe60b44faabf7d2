"""Reads cases and the records they are asked of.

A `.case` file holds cases with a blank line between them. The first line says in a sentence what is
so; each other line is a key and its text:

    # A star inside a word reaches the middle of a keyword
    docs    shop_small
    ask     service:check*out AND NOT status:[500 TO 599]
    tree    (and (wildcard service "check*out") (not (range status 500 599)))
    show    service:check*out AND NOT status:[500 TO 599]
    hits    d2 d5

`ask` is the query, or `ask-json` the same as a JSON string, for what does not fit on a line. `tree`
is its outline. `show` is its printed form, left out when that is `ask` itself. `docs` names a corpus
in `corpora/`, `hits` the ids found in it, in the order of the corpus; `hits -` is none.

A query that is refused has these instead:

    # A range has an upper bound
    ask         status:[500 TO
    error       unexpected
    position    14 0
    expected    an upper bound
    suggestion  status:[500 TO *]

`error` is the reason, `position` where it starts and how long it is, `expected` what would have been
right (with ` ; ` between them, `-` for nothing), `suggestion` a whole query that works, or `-`.

A corpus is a file of JSON lines, each a record with its built-in fields and `attributes`. Times are
RFC 3339 and default to a second apart, ending at `NOW`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from app.core.ids import OrgId
from app.logstore.types import NS_PER_SECOND, RoutedRecord
from app.query.instants import parse_instant
from app.query.levels import LEVEL_NUMBERS

HERE = Path(__file__).parent
NOW = "2026-11-20T12:00:00Z"
NOW_NS = parse_instant(NOW, 0)

_ERROR_KEYS = {"error", "position", "expected", "suggestion"}
_HIT_KEYS = {"tree", "show", "docs", "hits"}


@dataclass(frozen=True)
class Mistake:
    """How a query is refused."""

    reason: str
    position: int
    length: int
    expected: tuple[str, ...]
    suggestion: str | None


@dataclass(frozen=True)
class Case:
    """One case. Either `mistake`, or `tree` and perhaps the `hits` in the corpus `docs`."""

    place: str  # file and line
    title: str
    ask: str
    tree: str | None = None
    show: str | None = None
    docs: str | None = None
    hits: tuple[str, ...] | None = None
    mistake: Mistake | None = None

    @property
    def label(self) -> str:
        """What a test run calls it."""
        return f"{self.place} {self.title}"


@cache
def load_cases(folder: str = "queries") -> tuple[Case, ...]:
    """All cases of a folder, in the order of file names and lines; refuses what it cannot read."""
    return tuple(
        case for path in sorted((HERE / folder).glob("*.case")) for case in _cases_of(path)
    )


@cache
def load_corpus(name: str, org_id: OrgId) -> tuple[RoutedRecord, ...]:
    """The records of a corpus, in the order of its lines, as the organisation's."""
    lines = (HERE / "corpora" / f"{name}.ndjson").read_text("utf-8").splitlines()
    sent = [json.loads(line) for line in lines if line.strip()]
    return tuple(
        _record(fields, org_id, NOW_NS - (len(sent) - number) * NS_PER_SECOND)
        for number, fields in enumerate(sent)
    )


def _cases_of(path: Path) -> Iterator[Case]:
    block: list[str] = []
    start = 0
    lines = [*path.read_text("utf-8").split("\n"), ""]
    for number, line in enumerate(lines, start=1):
        if line.strip():
            start = start if block else number
            block.append(line)
        elif block:
            yield _case(f"{path.stem}:{start}", block)
            block = []


def _case(place: str, block: list[str]) -> Case:
    title, keys = block[0], [line.partition(" ") for line in block[1:]]
    texts = {key: text.strip(" ") for key, _, text in keys}
    known = _ERROR_KEYS if "error" in texts else _HIT_KEYS
    unknown = set(texts) - known - {"ask", "ask-json"}
    is_doubled = len(texts) != len(keys) or ("ask" in texts) == ("ask-json" in texts)
    if not title.startswith("# ") or unknown or is_doubled:
        raise ValueError(f"{place} is not a case: {block}")
    ask = texts["ask"] if "ask" in texts else json.loads(texts["ask-json"])
    if "error" in texts:
        return Case(place, title[2:], ask, mistake=_mistake(texts))
    hits = texts.get("hits")
    if ("docs" in texts) != (hits is not None):
        raise ValueError(f"{place} has docs without hits, or hits without docs")
    return Case(
        place,
        title[2:],
        ask,
        tree=texts["tree"],
        show=texts.get("show", ask),
        docs=texts.get("docs"),
        hits=None if hits is None else tuple(hits.split()) if hits != "-" else (),
    )


def _mistake(texts: dict[str, str]) -> Mistake:
    position, length = texts["position"].split()
    expected = texts["expected"]
    suggestion = texts["suggestion"]
    return Mistake(
        reason=texts["error"],
        position=int(position),
        length=int(length),
        expected=() if expected == "-" else tuple(expected.split(" ; ")),
        suggestion=None if suggestion == "-" else suggestion,
    )


def _record(fields: dict[str, Any], org_id: OrgId, at: int) -> RoutedRecord:
    timestamp = fields.get("@timestamp")
    observed = fields.get("observed_at")
    level = fields.get("level")
    return RoutedRecord(
        org_id=org_id,
        retention_class=30,
        stream=fields.get("stream", "default"),
        id=fields["id"],
        is_sent=True,
        first_wins=False,
        digest=blake2b(json.dumps(fields).encode(), digest_size=16).digest(),
        observed_ns=parse_instant(observed, 0) if observed else at,
        timestamp_ns=parse_instant(timestamp, 0) if timestamp else at,
        message=fields["message"],
        level=level,
        level_number=fields.get("level_number", LEVEL_NUMBERS[level] if level else None),
        service=fields.get("service"),
        host=fields.get("host"),
        environment=fields.get("environment"),
        logger=fields.get("logger"),
        trace_id=fields.get("trace_id"),
        span_id=fields.get("span_id"),
        attributes=fields.get("attributes", {}),
    )
