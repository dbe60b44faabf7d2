"""Which fields records have, and which values a field has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tantivy import Query

from app.core.errors import Unsupported
from app.core.ids import OrgId
from app.logstore.embedded.columns import Key, has_column, rank, text_of
from app.logstore.embedded.compile import all_of, any_of, negation, term
from app.logstore.embedded.distinct import TooMany, count_distinct, value_counts
from app.logstore.embedded.frequent import most_frequent
from app.logstore.embedded.guard import told_apart
from app.logstore.embedded.partition import Snapshot
from app.logstore.embedded.paths import json_field
from app.logstore.embedded.rest import MAX_TOKENS, attribute_tokens, has_rest, values_in_rest
from app.logstore.embedded.schema import KEYWORDS_WITHOUT_COLUMN, STRING_MARK
from app.logstore.types import FieldInfo, FieldList, ValueCount, ValueList
from app.query.fields import BUILT_IN, Field, Kind
from app.query.filters import Equals, Exists

Asked = Sequence[tuple[Snapshot, Query]]

_TYPES = {
    Kind.TEXT: "string",
    Kind.KEYWORD: "string",
    Kind.LEVEL: "string",
    Kind.NUMBER: "number",
    Kind.TIME: "time",
}
_ALWAYS_THERE = frozenset({"@timestamp", "observed_at", "message", "stream", "id"})
_WIDEST = "17976931348623157" + "0" * 292


def field_list(asked: Asked, org_id: OrgId, limit: int) -> FieldList:
    """The built-in fields that any of the records has, then the paths of their attributes."""
    total = 0
    built_in: Counter[str] = Counter()
    records: Counter[str] = Counter()
    kinds: dict[str, set[str]] = defaultdict(set)
    unmapped: set[str] = set()
    for snapshot, query in asked:
        with told_apart(snapshot.home.name):
            here = snapshot.count(query)
            total += here
            among = _Among(snapshot, query, is_all=here == snapshot.state.records)
            built_in.update(_built_in_counts(among, here))
            for path, found in _attributes(among, org_id).items():
                records[path] += found.records
                kinds[path] |= found.kinds
                if not found.is_mapped:
                    unmapped.add(path)
    paths = sorted(records)
    if len(paths) > limit:
        paths = sorted(records, key=lambda path: (-records[path], path))[:limit]
    fields = [
        FieldInfo(name, _TYPES[field.kind], _has_own_column(field), built_in[name])
        for name, field in BUILT_IN.items()
        if built_in[name]
    ]
    fields += [
        FieldInfo(path, _one_type(kinds[path]), path not in unmapped, records[path])
        for path in paths
    ]
    return FieldList(tuple(fields), total)


def _has_own_column(field: Field) -> bool:
    return field.kind is not Kind.TEXT and field.name not in KEYWORDS_WITHOUT_COLUMN


def _one_type(kinds: set[str]) -> str:
    return next(iter(kinds)) if len(kinds) == 1 else "mixed"


class _Among(NamedTuple):
    """The records that are asked for in one partition."""

    snapshot: Snapshot
    query: Query
    is_all: bool  # every record that there is, so that the query need not be asked each time

    def matching(self, there: Query) -> int:
        """How many of them match. Documents that are no records must not."""
        return self.snapshot.count(there if self.is_all else all_of([self.query, there]))


def _built_in_counts(among: _Among, total: int) -> dict[str, int]:
    return {
        name: total
        if name in _ALWAYS_THERE
        else among.matching(among.snapshot.compiler.compile(Exists(field)))
        for name, field in BUILT_IN.items()
    }


class _Found(NamedTuple):
    """A path in one partition: in how many records, which kinds of value, and where they are."""

    records: int
    kinds: set[str]
    is_mapped: bool


def _attributes(among: _Among, org_id: OrgId) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    mapped = among.snapshot.mapped_fields(org_id)
    in_rest: dict[str, set[str]] = defaultdict(set)
    tokens: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for token in attribute_tokens(among.snapshot, among.query):
        in_rest[token.path].add(token.kind)
        tokens[token.path] += 1
        sums[token.path] += token.records
    for path in mapped:
        kinds = _kinds_in_columns(among, path)
        if kinds and path not in in_rest:
            there = Query.exists_query(json_field(path), json_subpaths=False)
            found[path] = _Found(among.matching(there), kinds, is_mapped=True)
        elif kinds:
            there = exists_at(Field(path, Kind.ATTRIBUTE))
            both = kinds | in_rest.pop(path)
            found[path] = _Found(among.matching(there), both, is_mapped=False)
    for path, kinds in in_rest.items():
        # Several tokens may be of one record: then they do not add up.
        records = sums[path]
        if tokens[path] > 1:
            there = has_rest(Field(path, Kind.ATTRIBUTE))
            records = among.matching(there)
        found[path] = _Found(records, kinds, is_mapped=False)
    return found


def _kinds_in_columns(among: _Among, path: str) -> set[str]:
    name = json_field(path)
    asked = {
        "string": among.snapshot.compiler.parse(
            f"{name}:[{STRING_MARK} TO {chr(ord(STRING_MARK) + 1)}}}"
        ),
        "number": among.snapshot.compiler.parse(f"{name}:[-{_WIDEST} TO {_WIDEST}]"),
        "boolean": any_of([term(name, value) for value in (False, True)]),
    }
    return {kind for kind, one in asked.items() if among.matching(one)}


def exists_at(field: Field) -> Query:
    """Records with a value at the field itself: an object is none."""
    parts = [has_rest(field)]
    if has_column(field):
        parts.append(Query.exists_query(json_field(field.name), json_subpaths=False))
    return any_of(parts)


def value_list(asked: Asked, field: Field, *, prefix: str, size: int) -> ValueList:
    """The field's most frequent values whose text starts with `prefix`, over the records given."""
    if field.kind in {Kind.TEXT, Kind.TIME}:
        raise Unsupported(f"the values of {field.name!r} cannot be listed")
    try:
        counts = _all_values(asked, field, prefix)
        listed = sorted(counts, key=lambda key: rank(key, counts[key]))[:size]
        distinct = len(counts)
    except TooMany:
        if prefix:
            raise Unsupported(f"{field.name!r} has too many values to look for a prefix") from None
        counts = Counter(dict(most_frequent(asked, field, size)))
        listed = list(counts)
        distinct = count_distinct(asked, field)
    other, missing = _others(asked, field, listed)
    values = tuple(ValueCount(key[1], counts[key]) for key in listed)
    return ValueList(values, other, missing, distinct)


def _all_values(asked: Asked, field: Field, prefix: str) -> Counter[Key]:
    counts: Counter[Key] = Counter()
    for snapshot, query in asked:
        with told_apart(snapshot.home.name):
            counts.update(values_in_rest(snapshot, query, field))
            if field.name in KEYWORDS_WITHOUT_COLUMN and not field.is_attribute:
                counts.update(_terms(snapshot, query, field))
            elif has_column(field):
                counts.update(value_counts(snapshot, query, field))
    return Counter({key: count for key, count in counts.items() if text_of(key).startswith(prefix)})


def _terms(snapshot: Snapshot, query: Query, field: Field) -> dict[Key, int]:
    found = snapshot.searcher.terms_with_prefix(field.name, "", query, limit=MAX_TOKENS + 1)
    if len(found) > MAX_TOKENS:
        raise Unsupported(f"{field.name!r} has too many values to be listed")
    return {("string", text): count for text, count in found}


def _others(asked: Asked, field: Field, listed: Sequence[Key]) -> tuple[int, int]:
    """(records with the field but none of the listed values, records without the field)."""
    other = missing = 0
    values = tuple(value for _, value in listed)
    for snapshot, query in asked:
        with told_apart(snapshot.home.name):
            compiler = snapshot.compiler
            there = exists_at(field) if field.is_attribute else compiler.compile(Exists(field))
            having = all_of([query, there])
            those = snapshot.count(having)
            missing += snapshot.count(query) - those
            if values:
                unlisted = negation([compiler.compile(Equals(field, values))], among=[having])
                other += snapshot.count(unlisted)
            else:
                other += those
    return other, missing
