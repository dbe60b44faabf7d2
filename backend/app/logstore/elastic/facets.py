"""Which fields records have, and which values a field has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.core.errors import Unsupported
from app.core.ids import OrgId
from app.logstore.elastic.asking import Asking
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.columns import Key, columns_of, key_of, plain, rank, text_of
from app.logstore.elastic.compile import (
    all_of,
    but_not,
    compiled,
    exists,
    exists_at,
    has_rest,
    has_values,
)
from app.logstore.elastic.document import stored_record
from app.logstore.elastic.names import KEYWORD_PATH, NUL, field_names, path_of_token
from app.logstore.elastic.partition import catalogued_paths
from app.logstore.elastic.questions import Query
from app.logstore.elastic.regex import literal
from app.logstore.schema import leaves_of
from app.logstore.types import FieldInfo, FieldList, ValueCount, ValueList
from app.query.fields import BUILT_IN, Field, Kind
from app.query.filters import Equals, Scalar

Answer = dict[str, Any]

_TYPES = {
    Kind.TEXT: "string",
    Kind.KEYWORD: "string",
    Kind.LEVEL: "string",
    Kind.NUMBER: "number",
    Kind.TIME: "time",
}
_KINDS = {"s": "string", "n": "number", "b": "boolean"}
# Different paths and values that are listed at once, and aggregations in one search.
_MAX_LISTED = 60_000
_VALUES = 10_000
_AT_ONCE = 900
# Records whose values are not in columns are looked at one by one, so many at most.
_MAX_READ = 20_000
_PAGE = 1_000


def field_list(
    asking: Asking, cluster: Cluster, org_id: OrgId, query: Query, limit: int
) -> FieldList:
    """The built-in fields that any of the records has, then the paths of their attributes."""
    aggregations: Answer = {
        f"b{place}": {"filter": exists(field)} for place, field in enumerate(BUILT_IN.values())
    }
    aggregations["extra"] = {"terms": {"field": "extra", "size": _MAX_LISTED}}
    answer = _ask(asking, query, aggregations)
    total = answer["hits"]["total"]["value"]
    found = answer.get("aggregations")
    if not total or found is None:
        return FieldList((), total, asking.timed_out, asking.skipped)
    built_in = [
        FieldInfo(field.name, _TYPES[field.kind], field.kind is not Kind.TEXT, count)
        for place, field in enumerate(BUILT_IN.values())
        if (count := found[f"b{place}"]["doc_count"])
    ]
    if found["extra"]["sum_other_doc_count"]:
        raise Unsupported("there are too many fields to be listed")
    kinds: dict[str, dict[str, int]] = defaultdict(dict)
    extra = set()
    for path, letter, count in _tokens(found["extra"]["buckets"]):
        kinds[path][letter] = count
        extra.add(path)
    mapped = {
        path
        for paths in catalogued_paths(cluster, cluster.partitions, org_id).values()
        for path in paths
    }
    for path, letter, count in _kinds_in_columns(asking, query, sorted(mapped)):
        kinds[path][letter] = kinds[path].get(letter, 0) + count
    # Of several kinds a record may have more than one: these are asked for once more.
    doubtful = sorted(p for p in kinds if len(kinds[p]) > 1 or (p in extra and p in mapped))
    records = {path: sum(counts.values()) for path, counts in kinds.items()}
    records |= _records_with(asking, query, doubtful)
    paths = sorted(records)
    if len(paths) > limit:
        paths = sorted(records, key=lambda path: (-records[path], path))[:limit]
    attributes = [
        FieldInfo(path, _one_type(kinds[path]), path not in extra, records[path]) for path in paths
    ]
    return FieldList((*built_in, *attributes), total, asking.timed_out, asking.skipped)


def _ask(asking: Asking, query: Query, aggregations: Answer) -> Answer:
    return asking.search(
        {"query": query, "size": 0, "track_total_hits": True, "aggs": aggregations}
    )


def _tokens(buckets: Iterable[Answer]) -> Iterator[tuple[str, str, int]]:
    """(path, kind letter, records) of `extra`; built-in fields and hashed paths are left out."""
    for bucket in buckets:
        spelled, _, letter = bucket["key"].rpartition(NUL)
        path = None if spelled.startswith(KEYWORD_PATH) else path_of_token(spelled)
        if path is not None:
            yield path, letter, bucket["doc_count"]


def _kinds_in_columns(
    asking: Asking, query: Query, paths: Sequence[str]
) -> Iterator[tuple[str, str, int]]:
    named = [
        (path, letter, name)
        for path in paths
        for letter, name in zip("snb", field_names(path) or (), strict=False)
    ]
    for start in range(0, len(named), _AT_ONCE):
        part = named[start : start + _AT_ONCE]
        asked = {
            f"c{place}": {"filter": has_values(name)} for place, (_, _, name) in enumerate(part)
        }
        # Without an answer the last partition went meanwhile.
        found = _ask(asking, query, asked).get("aggregations", {})
        for place, (path, letter, _) in enumerate(part):
            if found and (count := found[f"c{place}"]["doc_count"]):
                yield path, letter, count


def _records_with(asking: Asking, query: Query, paths: Sequence[str]) -> dict[str, int]:
    """In how many records each path has a value of whatever kind."""
    counts: dict[str, int] = {}
    for start in range(0, len(paths), _AT_ONCE):
        part = paths[start : start + _AT_ONCE]
        asked = {
            f"p{place}": {"filter": exists_at(Field(path, Kind.ATTRIBUTE))}
            for place, path in enumerate(part)
        }
        found = _ask(asking, query, asked).get("aggregations")
        if found is not None:
            counts |= {path: found[f"p{place}"]["doc_count"] for place, path in enumerate(part)}
    return counts


def _one_type(kinds: Iterable[str]) -> str:
    letters = list(kinds)
    return _KINDS[letters[0]] if len(letters) == 1 else "mixed"


def value_list(asking: Asking, query: Query, field: Field, *, prefix: str, size: int) -> ValueList:
    """The field's most frequent values whose text starts with `prefix`, over the records given."""
    if field.kind in {Kind.TEXT, Kind.TIME}:
        raise Unsupported(f"the values of {field.name!r} cannot be listed")
    read = _values_read(asking, all_of([query, has_rest(field)]), field)
    in_columns = but_not(query, has_rest(field))
    asked: Answer = {}
    for letter, column in columns_of(field).items():
        asked[f"v{letter}"] = {"terms": {"field": column, "size": _VALUES}}
        if prefix and letter == "s":
            asked["vs"]["terms"]["include"] = f"{literal(prefix)}.*"
        asked[f"d{letter}"] = {"cardinality": {"field": column, "precision_threshold": 40_000}}
    answer = _ask(asking, in_columns, asked) if asked else {}
    found = answer.get("aggregations", {})
    counts = Counter(read)
    for letter in columns_of(field):
        for bucket in found.get(f"v{letter}", {"buckets": ()})["buckets"]:
            counts[key_of(letter, bucket)] += bucket["doc_count"]
    counts = Counter({key: n for key, n in counts.items() if text_of(key).startswith(prefix)})
    listed = sorted(counts, key=lambda key: rank(key, counts[key]))[:size]
    distinct = len(counts)
    if any(one.get("sum_other_doc_count") for one in found.values()):
        _refuse_uncertain(found, field, prefix, [counts[key] for key in listed])
        distinct = sum(found[f"d{letter}"]["value"] for letter in columns_of(field))
    other, missing = _others(asking, query, field, listed)
    values = tuple(ValueCount(key[1], counts[key]) for key in listed)
    return ValueList(values, other, missing, distinct, asking.timed_out, asking.skipped)


def _refuse_uncertain(found: Answer, field: Field, prefix: str, top: Sequence[int]) -> None:
    """Raises `Unsupported` where the values cut off might belong into the list."""
    for letter in columns_of(field):
        listed = found[f"v{letter}"]
        if not listed["sum_other_doc_count"]:
            continue
        is_certain = letter == "s" or top[-1] > listed["buckets"][-1]["doc_count"]
        if prefix or listed["doc_count_error_upper_bound"] or not is_certain:
            raise Unsupported(f"{field.name!r} has too many values to be listed")


def _values_read(asking: Asking, query: Query, field: Field) -> Counter[Key]:
    """The values of records of which some are in no column, read from the records themselves."""
    counts: Counter[Key] = Counter()
    read = 0
    body: Answer = {
        "query": query,
        "size": _PAGE,
        "track_total_hits": False,
        "sort": [{"ts": "asc"}, {"id": "asc"}, {"observed": "asc"}],
    }
    while hits := asking.search(body)["hits"]["hits"]:
        read += len(hits)
        if read > _MAX_READ:
            raise Unsupported(
                f"{field.name!r} has too many values beyond the number of fields that are mapped"
            )
        for hit in hits:
            counts.update(_keys_of(hit["_source"], field))
        if len(hits) < _PAGE:
            break
        body["search_after"] = hits[-1]["sort"]
    return counts


def _keys_of(source: Answer, field: Field) -> set[Key]:
    record = stored_record(source)
    if not field.is_attribute:
        return {("string", getattr(record, field.name))}
    leaves = leaves_of(dict(record.attributes))[0]
    return {_key(value) for path, value in leaves if path == field.name}


def _key(value: Scalar) -> Key:
    if isinstance(value, str):
        return "string", value
    if isinstance(value, bool):
        return "boolean", value
    try:
        return "number", plain(value)
    except OverflowError:
        return "number", float("inf") if value > 0 else float("-inf")


def _others(asking: Asking, query: Query, field: Field, listed: Sequence[Key]) -> tuple[int, int]:
    """(records with the field but none of the listed values, records without the field)."""
    there = exists_at(field) if field.is_attribute else exists(field)
    having = {"having": {"filter": there}}
    if listed:
        values = compiled(Equals(field, tuple(value for _, value in listed)), {})
        having["other"] = {"filter": but_not(there, values)}
    answer = _ask(asking, query, having)
    total = answer["hits"]["total"]["value"]
    found = answer.get("aggregations")
    if found is None:
        return 0, total
    those = found["having"]["doc_count"]
    return found["other"]["doc_count"] if listed else those, total - those
