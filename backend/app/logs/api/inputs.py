"""What requests about logs may say; everything is bounded, every error names its bound."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from app.core.errors import Invalid
from app.logs.aggregation import TableRequest, read_table_request
from app.logs.cursor import MAX_CURSOR_CHARACTERS
from app.logs.histogram import DEFAULT_BUCKETS, MAX_BUCKETS
from app.logs.neighbours import DEFAULT_NEIGHBOURS, MAX_NEIGHBOURS, MAX_SOURCE_FIELDS
from app.logs.parameters import Parameters
from app.logs.questions import DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS, Asked, Moment
from app.logs.tail import TailAsked
from app.logstore.types import QUARANTINE_STREAM
from app.query.fields import Field, Kind, field_named

# The parser's own limit is smaller and points at the place; this one bounds what is looked at.
MAX_QUERY_CHARACTERS = 100_000
MAX_STREAM_CHARACTERS = 255
MAX_FIELD_CHARACTERS = 512
MAX_PREFIX_CHARACTERS = 256
MAX_ID_CHARACTERS = 512
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1_000
MAX_VALUES = 1_000
MAX_FIELDS = 5_000
MAX_ROWS = 10_000
NEWEST_FIRST = "-@timestamp"
OLDEST_FIRST = "@timestamp"


@dataclass(frozen=True, slots=True)
class SearchInput:
    """A page of a search: the first, or with a cursor the one after it.

    `query` and `page_size` are `None` where nothing was sent: a cursor brings its own.
    """

    asked: Asked
    query: str | None
    page_size: int | None
    is_descending: bool
    cursor: str | None
    only_stream: str | None = None


def sent_parameters(request: Request) -> Parameters:
    """The address of a GET, the JSON object of a POST."""
    if request.method in SAFE_METHODS:
        return Parameters(request.query_params.dict())
    if not isinstance(request.data, dict):
        raise Invalid("the body has to be a JSON object", code="not_an_object")
    return Parameters(request.data)


def finish(request: Request, parameters: Parameters) -> None:
    """Raises what is wrong. Unknown names are refused in JSON; addresses may carry anything."""
    if request.method not in SAFE_METHODS:
        parameters.refuse_others()
    parameters.check()


def read_asked(parameters: Parameters, *, from_: Moment = None) -> Asked:
    """What every question has; `from_` is the default of its range."""
    sent_from = parameters.instant("from")
    return Asked(
        query=parameters.text("q", most=MAX_QUERY_CHARACTERS),
        from_=from_ if sent_from is None else sent_from,
        to=parameters.instant("to"),
        stream=parameters.optional_text("stream", most=MAX_STREAM_CHARACTERS),
        timeout_ms=parameters.integer(
            "timeout_ms", default=DEFAULT_TIMEOUT_MS, least=1, most=MAX_TIMEOUT_MS
        ),
    )


def read_tail(request: Request) -> TailAsked:
    """What a live tail shows."""
    parameters = sent_parameters(request)
    asked = TailAsked(
        query=parameters.text("q", most=MAX_QUERY_CHARACTERS),
        stream=parameters.optional_text("stream", most=MAX_STREAM_CHARACTERS),
    )
    finish(request, parameters)
    return asked


def read_quarantine_search(request: Request, *, from_: Moment) -> SearchInput:
    """A page of a search in the quarantine and nowhere else."""
    read = read_search(request, from_=from_)
    asked = replace(read.asked, stream=QUARANTINE_STREAM)
    return replace(read, asked=asked, only_stream=QUARANTINE_STREAM)


def read_search(request: Request, *, from_: Moment = None) -> SearchInput:
    """A page of a search."""
    parameters = sent_parameters(request)
    asked = read_asked(parameters, from_=from_)
    sort = parameters.choice("sort", (NEWEST_FIRST, OLDEST_FIRST), default=NEWEST_FIRST)
    page_size = parameters.integer("page_size", default=0, least=1, most=MAX_PAGE_SIZE)
    cursor = parameters.optional_text("cursor", most=MAX_CURSOR_CHARACTERS)
    finish(request, parameters)
    return SearchInput(
        asked=asked,
        query=asked.query if parameters.was_sent("q") else None,
        page_size=page_size or None,
        is_descending=sort == NEWEST_FIRST,
        cursor=cursor,
    )


@dataclass(frozen=True, slots=True)
class HistogramInput:
    """Counts over time."""

    asked: Asked
    buckets: int
    by: Field | None


def read_histogram(request: Request) -> HistogramInput:
    """Counts over time."""
    parameters = sent_parameters(request)
    asked = read_asked(parameters)
    buckets = parameters.integer("buckets", default=DEFAULT_BUCKETS, least=1, most=MAX_BUCKETS)
    by = parameters.optional_text("by", most=MAX_FIELD_CHARACTERS)
    field = None if by is None else field_named(by)
    if field is not None and field.kind in (Kind.TEXT, Kind.TIME):
        parameters.wrong("by", "not_groupable", f"{by!r} cannot be grouped by")
    finish(request, parameters)
    return HistogramInput(asked, buckets, field)


@dataclass(frozen=True, slots=True)
class TableInput:
    """An aggregation."""

    asked: Asked
    table: TableRequest
    max_rows: int


def read_table(request: Request) -> TableInput:
    """An aggregation."""
    parameters = sent_parameters(request)
    asked = read_asked(parameters)
    table = read_table_request(parameters)
    max_rows = parameters.integer("limit", default=MAX_ROWS, least=1, most=MAX_ROWS)
    finish(request, parameters)
    return TableInput(asked, table, max_rows)


@dataclass(frozen=True, slots=True)
class FieldsInput:
    """The fields of a range."""

    asked: Asked
    limit: int


def read_fields(request: Request) -> FieldsInput:
    """The fields of a range."""
    parameters = sent_parameters(request)
    asked = read_asked(parameters)
    limit = parameters.integer("limit", default=1_000, least=1, most=MAX_FIELDS)
    finish(request, parameters)
    return FieldsInput(asked, limit)


@dataclass(frozen=True, slots=True)
class ValuesInput:
    """The values of a field."""

    asked: Asked
    field: Field
    prefix: str
    size: int


def read_values(request: Request, name: str | None) -> ValuesInput:
    """The values of a field: the one of the path, or the parameter `field`."""
    parameters = sent_parameters(request)
    asked = read_asked(parameters)
    if name is None:
        name = parameters.text("field", most=MAX_FIELD_CHARACTERS)
    if not name or len(name) > MAX_FIELD_CHARACTERS:
        detail = f"the name of a field, 1 to {MAX_FIELD_CHARACTERS} characters"
        parameters.wrong("field", "required", detail)
    field = field_named(name)
    if field.kind is Kind.TEXT:
        parameters.wrong("field", "not_groupable", f"the values of {name!r} cannot be listed")
    prefix = parameters.text("prefix", most=MAX_PREFIX_CHARACTERS)
    size = parameters.integer("size", default=20, least=1, most=MAX_VALUES)
    finish(request, parameters)
    return ValuesInput(asked, field, prefix, size)


@dataclass(frozen=True, slots=True)
class NeighboursInput:
    """The records around one."""

    before: int
    after: int
    by: tuple[Field, ...]


def read_neighbours(request: Request) -> NeighboursInput:
    """The records around one."""
    parameters = sent_parameters(request)
    before, after = (
        parameters.integer(name, default=DEFAULT_NEIGHBOURS, least=0, most=MAX_NEIGHBOURS)
        for name in ("before", "after")
    )
    names = parameters.text("by", default="service,host", most=MAX_FIELD_CHARACTERS).split(",")
    fields = tuple(field_named(name.strip()) for name in names if name.strip())
    if len(fields) > MAX_SOURCE_FIELDS or any(f.kind is not Kind.KEYWORD for f in fields):
        parameters.wrong(
            "by", "not_a_source", f"at most {MAX_SOURCE_FIELDS} of the built-in keyword fields"
        )
    finish(request, parameters)
    return NeighboursInput(before, after, fields)


def read_id(request: Request) -> str:
    """The parameter `id`."""
    parameters = sent_parameters(request)
    record_id = parameters.text("id", most=MAX_ID_CHARACTERS)
    if not record_id:
        parameters.wrong("id", "required", "the id of a record")
    finish(request, parameters)
    return record_id


def read_query(request: Request) -> str:
    """The parameter `q` alone."""
    parameters = sent_parameters(request)
    query = parameters.text("q", most=MAX_QUERY_CHARACTERS)
    finish(request, parameters)
    return query


def read_repair(request: Request) -> str | None:
    """The repaired line of a quarantined entry, if it was sent."""
    parameters = sent_parameters(request)
    raw = parameters.optional_text("raw", most=2 * 1024**2)
    finish(request, parameters)
    return raw
