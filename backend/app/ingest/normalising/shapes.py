"""Where the built-in fields lie in records that have the same keys.

Logs of one program have few sets of keys. For each set the places to look are worked out once; a
record then costs a look at the places that it has, not at all that there might be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.query.fields import SOURCES

# A key of the record, or the keys on the way through objects to the value.
Place = str | tuple[str, ...]
Places = tuple[Place, ...]

# What is remembered stays below sixteen mebibytes, whatever keys are sent.
_MAX_KEYS_LENGTH = 4_096
_MAX_KNOWN = 4_096


@dataclass(frozen=True, slots=True)
class Shape:
    """The places of each built-in field in the order in which they count."""

    timestamp: Places
    message: Places
    level: Places
    service: Places
    host: Places
    environment: Places
    logger: Places
    trace_id: Places
    span_id: Places
    has_id: bool
    has_attributes: bool


def spellings(path: str) -> list[Place]:
    """A dotted path and every way to write it with objects, e.g. `log.level`, `log: {level}`."""
    parts = path.split(".")
    ways: list[tuple[str, ...]] = [(parts[0],)]
    for part in parts[1:]:
        joined = [(*way[:-1], f"{way[-1]}.{part}") for way in ways]
        ways = joined + [(*way, part) for way in ways]
    return [way[0] if len(way) == 1 else way for way in ways]


_PLACES: dict[str, list[Place]] = {
    name: [place for path in paths for place in spellings(path)] for name, paths in SOURCES.items()
}

_known: dict[tuple[str, ...], Shape] = {}


def shape_of(record: dict[str, Any]) -> Shape:
    """The shape of a record's keys."""
    keys = tuple(record)
    shape = _known.get(keys)
    if shape is None:
        shape = _shape_of(frozenset(keys))
        if sum(map(len, keys)) <= _MAX_KEYS_LENGTH:
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[keys] = shape
    return shape


def _shape_of(keys: frozenset[str]) -> Shape:
    def places(field: str) -> Places:
        return tuple(
            place
            for place in _PLACES[field]
            if (place if isinstance(place, str) else place[0]) in keys
        )

    return Shape(
        timestamp=places("@timestamp"),
        message=places("message"),
        level=places("level"),
        service=places("service"),
        host=places("host"),
        environment=places("environment"),
        logger=places("logger"),
        trace_id=places("trace_id"),
        span_id=places("span_id"),
        has_id="id" in keys,
        has_attributes="attributes" in keys,
    )


def value_at(record: dict[str, Any], place: Place) -> Any:
    """The value in this place; `None` when there is none."""
    if type(place) is str:
        return record.get(place)
    value: Any = record
    for key in place:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def remove_from(record: dict[str, Any], place: Place) -> None:
    """Takes a value away that is there, and the objects that are empty then."""
    if type(place) is str:
        del record[place]
        return
    holders = [record]
    for key in place[:-1]:
        holders.append(holders[-1][key])
    for holder, key in zip(reversed(holders), reversed(place), strict=True):
        del holder[key]
        if holder:
            return
