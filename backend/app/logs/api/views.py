"""Search: pages, counts, tables, fields, single records."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from app.core.endpoints import Stability
from app.core.scope import Permission, Scope
from app.logs.answers import SearchAnswer
from app.logs.api import bodies, inputs, serializers
from app.logs.api.documentation import AROUND, BUCKETS, FIELD, FIELDS, ID, PAGE, VALUES
from app.logs.process import log_search
from app.logs.rows import record_row
from app.query.errors import QuerySyntaxError
from app.users.org_view import OrgView


def search_page(scope: Scope, asked: inputs.SearchInput) -> SearchAnswer:
    """The first page, or with a cursor the one after it."""
    if asked.cursor is None:
        return log_search().first_page(
            scope,
            asked=asked.asked,
            page_size=asked.page_size or inputs.DEFAULT_PAGE_SIZE,
            is_descending=asked.is_descending,
        )
    return log_search().next_page(
        scope,
        cursor=asked.cursor,
        query=asked.query,
        page_size=asked.page_size,
        timeout_ms=asked.asked.timeout_ms,
        only_stream=asked.only_stream,
    )


class Search(OrgView):
    """Records that match, in order of time, page by page."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=PAGE, responses=serializers.SEARCH_PAGE)
    def get(self, request: Request, scope: Scope) -> Response:
        return Response(bodies.search_body(search_page(scope, inputs.read_search(request))))

    @extend_schema(request=serializers.SEARCH_REQUEST, responses=serializers.SEARCH_PAGE)
    def post(self, request: Request, scope: Scope) -> Response:
        return self.get(request, scope)


class Histogram(OrgView):
    """Counts over time, empty intervals included."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=BUCKETS, responses=serializers.HISTOGRAM)
    def get(self, request: Request, scope: Scope) -> Response:
        asked = inputs.read_histogram(request)
        answer = log_search().histogram(
            scope, asked=asked.asked, buckets=asked.buckets, by=asked.by
        )
        return Response(bodies.histogram_body(answer))


class Aggregate(OrgView):
    """A table of numbers: groups by fields and by time, metrics of each."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(request=serializers.TABLE_REQUEST, responses=serializers.TABLE)
    def post(self, request: Request, scope: Scope) -> Response:
        asked = inputs.read_table(request)
        answer = log_search().table(
            scope, asked=asked.asked, request=asked.table, max_rows=asked.max_rows
        )
        return Response(bodies.table_body(asked.table, answer))


class Fields(OrgView):
    """The fields that records in range have."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=FIELDS, responses=serializers.FIELDS)
    def get(self, request: Request, scope: Scope) -> Response:
        asked = inputs.read_fields(request)
        listed = log_search().fields(scope, asked=asked.asked, limit=asked.limit)
        return Response(bodies.fields_body(listed))


class FieldValues(OrgView):
    """The most frequent values of a field; with `field` as a parameter any name can be asked for."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=[FIELD, *VALUES], responses=serializers.VALUES)
    def get(self, request: Request, scope: Scope) -> Response:
        return _values(scope, inputs.read_values(request, None))


class NamedFieldValues(OrgView):
    """The most frequent values of a field."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=VALUES, responses=serializers.VALUES)
    def get(self, request: Request, scope: Scope, name: str) -> Response:
        return _values(scope, inputs.read_values(request, name))


def _values(scope: Scope, asked: inputs.ValuesInput) -> Response:
    listed = log_search().field_values(
        scope, asked=asked.asked, field=asked.field, prefix=asked.prefix, size=asked.size
    )
    return Response(bodies.values_body(listed))


class Validate(OrgView):
    """Whether a query can be asked: its tree, or the place of the mistake and a suggestion."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(request=serializers.VALIDATE_REQUEST, responses=serializers.VALIDATION)
    def post(self, request: Request, scope: Scope) -> Response:
        query = inputs.read_query(request)
        try:
            tree = log_search().check_query(scope, query=query)
        except QuerySyntaxError as error:
            return Response(bodies.invalid_body(error))
        return Response(bodies.valid_body(tree))


class Record(OrgView):
    """One record; with `id` as a parameter any id can be asked for."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=[ID], responses=serializers.RECORD)
    def get(self, request: Request, scope: Scope) -> Response:
        record = log_search().get_record(scope, record_id=inputs.read_id(request))
        return Response(record_row(record))


class NamedRecord(OrgView):
    """One record."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(responses=serializers.RECORD)
    def get(self, request: Request, scope: Scope, record_id: str) -> Response:
        return Response(record_row(log_search().get_record(scope, record_id=record_id)))


class Context(OrgView):
    """The records just before and after one, of the same source, at most a day away."""

    stability = Stability.STABLE
    permission = Permission.SEARCH

    @extend_schema(parameters=AROUND, responses=serializers.NEIGHBOURS)
    def get(self, request: Request, scope: Scope, record_id: str) -> Response:
        asked = inputs.read_neighbours(request)
        found = log_search().neighbours(
            scope, record_id=record_id, before=asked.before, after=asked.after, by=asked.by
        )
        return Response(bodies.neighbours_body(found))
