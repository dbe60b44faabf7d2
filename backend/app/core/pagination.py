"""Lists of config resources: `?page=&page_size=&search=&ordering=`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from app.core.errors import FieldError, Invalid, NotFound

DEFAULT_SIZE = 20
MAX_SIZE = 100
MAX_SEARCH_LENGTH = 200

_MAX_DIGITS = 10

T = TypeVar("T")
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """Which part of a list is asked for. `number` counts from 1; `ordering` is a field's name, with
    `-` in front for the other direction, empty for the list's own order."""

    number: int = 1
    size: int = DEFAULT_SIZE
    search: str = ""
    ordering: str = ""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """One page, and how many there are in all."""

    count: int
    items: tuple[T, ...]


def read_list_request(request: Request) -> ListRequest:
    """What the query string asks for; raises `Invalid` with the parameter."""
    search = request.query_params.get("search", "")
    if len(search) > MAX_SEARCH_LENGTH or "\0" in search:
        raise _invalid("search", f"at most {MAX_SEARCH_LENGTH} characters, without NUL")
    return ListRequest(
        number=_whole(request, "page", default=1, most=1_000_000),
        size=_whole(request, "page_size", default=DEFAULT_SIZE, most=MAX_SIZE),
        search=search,
        ordering=request.query_params.get("ordering", ""),
    )


def list_page(
    rows: QuerySet[M],
    asked: ListRequest,
    make: Callable[[M], T],
    *,
    search_in: Sequence[str] = (),
    order_by: Sequence[str],
) -> Listing[T]:
    """The page that was asked for. `order_by` names the orders on offer, the first is the default;
    each is completed by the id, so that pages neither repeat nor skip a row."""
    if asked.search and search_in:
        condition = Q()
        for name in search_in:
            condition |= Q(**{f"{name}__icontains": asked.search})
        rows = rows.filter(condition)
    order = asked.ordering or order_by[0]
    if order.removeprefix("-") not in {name.removeprefix("-") for name in order_by}:
        offer = ", ".join(name.removeprefix("-") for name in order_by)
        raise _invalid("ordering", f"{order!r} is not one of {offer}")
    count = rows.count()
    first = (asked.number - 1) * asked.size
    if first >= count and asked.number > 1:
        raise NotFound(f"page {asked.number} is beyond the end of the list")
    tie_breaker = "-id" if order.startswith("-") else "id"
    ordered = rows.order_by(*dict.fromkeys((order, tie_breaker)))
    return Listing(count, tuple(make(row) for row in ordered[first : first + asked.size]))


def list_response(
    request: Request, asked: ListRequest, listing: Listing[T], show: Callable[[T], Any]
) -> Response:
    """The answer `{"count","next","previous","results"}`."""
    address = request.build_absolute_uri()
    following = previous = None
    if asked.number * asked.size < listing.count:
        following = replace_query_param(address, "page", asked.number + 1)
    if asked.number == 2:
        previous = remove_query_param(address, "page")
    elif asked.number > 1:
        previous = replace_query_param(address, "page", asked.number - 1)
    return Response(
        {
            "count": listing.count,
            "next": following,
            "previous": previous,
            "results": [show(item) for item in listing.items],
        }
    )


def _whole(request: Request, name: str, *, default: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    is_number = len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit()
    if not (is_number and 1 <= int(text) <= most):
        raise _invalid(name, f"{text[:20]!r} is not a whole number from 1 to {most}")
    return int(text)


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid(f"{name}: {detail}", errors=[FieldError(name, "invalid", detail)])
