"""Which fields records have, and which values a field has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from app.logstore.memory.numbers import kind_of, text_of
from app.logstore.memory.subject import Subject
from app.logstore.memory.tables import distinct, rank
from app.logstore.types import FieldInfo, FieldList, ValueCount, ValueList
from app.query.fields import BUILT_IN, Field, Kind

_TYPES = {
    Kind.TEXT: "string",
    Kind.KEYWORD: "string",
    Kind.LEVEL: "string",
    Kind.NUMBER: "number",
    Kind.TIME: "time",
}


def field_list(subjects: Sequence[Subject], limit: int) -> FieldList:
    """The built-in fields that any of the records has, then the paths of their attributes."""
    counts = Counter(
        field.name
        for field in BUILT_IN.values()
        for subject in subjects
        if subject.values_of(field)
    )
    built_in = [
        FieldInfo(field.name, _TYPES[field.kind], is_indexed=True, records=counts[field.name])
        for field in BUILT_IN.values()
        if counts[field.name]
    ]
    return FieldList((*built_in, *_attributes(subjects, limit)), total=len(subjects))


def _attributes(subjects: Sequence[Subject], limit: int) -> list[FieldInfo]:
    records: Counter[str] = Counter()
    kinds: dict[str, set[str]] = defaultdict(set)
    for subject in subjects:
        records.update({path for path, _ in subject.leaves})
        for path, value in subject.leaves:
            kinds[path].add(kind_of(value))
    paths = sorted(records)
    if len(paths) > limit:
        paths = sorted(records, key=lambda path: (-records[path], path))[:limit]
    return [
        FieldInfo(path, _one_type(kinds[path]), is_indexed=True, records=records[path])
        for path in paths
    ]


def _one_type(kinds: set[str]) -> str:
    return next(iter(kinds)) if len(kinds) == 1 else "mixed"


def value_list(subjects: Sequence[Subject], field: Field, *, prefix: str, size: int) -> ValueList:
    """The field's most frequent values whose text starts with `prefix`, over the records given.

    A record has the field when a value stands at the path itself: an object is not a value.
    """
    values = [set(distinct(subject.values_of(field))) for subject in subjects]
    counts = Counter(key for keys in values for key in keys if text_of(key[1]).startswith(prefix))
    listed = sorted(counts, key=lambda key: rank(key, counts[key]))[:size]
    return ValueList(
        values=tuple(ValueCount(key[1], counts[key]) for key in listed),
        other=sum(bool(keys) and keys.isdisjoint(listed) for keys in values),
        missing=sum(not keys for keys in values),
        distinct=len(counts),
    )
