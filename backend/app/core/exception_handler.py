"""Every exception of a view as a problem; Django's own error pages too."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from app.core.errors import (
    ElkError,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from app.core.problem import CONTENT_TYPE, INTERNAL_ERROR, Problem, problem_of
from app.core.redis import RedisError, redis_unavailable
from app.core.request_context import current_request

_TITLES = {
    405: "Method not allowed",
    406: "Not acceptable",
    415: "Unsupported media type",
}


def problem_response(problem: Problem) -> HttpResponse:
    """The answer that shows a problem."""
    return HttpResponse(
        problem.encode(current_request().request_id),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=dict(problem.headers),
    )


def exception_handler(error: Exception, _context: Mapping[str, Any]) -> HttpResponse | None:
    """The answer to an exception of a REST view; `None` for bugs, which Django logs and passes to
    `answer_500`."""
    problem = find_problem(error)
    return None if problem is None else problem_response(problem)


def find_problem(error: BaseException | None) -> Problem | None:
    """The problem that an exception stands for, or `None` when it is a bug of ours."""
    match error:
        case ElkError():
            # A bug goes on to where it is logged.
            return None if error.status == INTERNAL_ERROR.status else problem_of(error)
        case exceptions.APIException():
            return _of_rest(error)
        case Http404():
            return problem_of(NotFound("there is nothing here"))
        case PermissionDenied():
            return problem_of(Forbidden("this is not allowed"))
        case RequestDataTooBig():
            return problem_of(TooLarge("the body of the request is too large"))
        case SuspiciousOperation():
            return problem_of(Invalid("the request cannot be read"))
        case OperationalError() | InterfaceError():
            return problem_of(
                Unavailable("the database does not answer", code="database_unavailable")
            )
        case RedisError():
            return problem_of(redis_unavailable())
        case _:
            return None


def _of_rest(error: exceptions.APIException) -> Problem:
    match error:
        case exceptions.ValidationError():
            errors = tuple(_field_errors("", error.detail))
            return problem_of(Invalid("the request has invalid fields", errors=errors))
        case exceptions.ParseError():
            return problem_of(Invalid(str(error.detail), code="parse_error"))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return problem_of(Unauthenticated("no valid credentials were sent"))
        case exceptions.PermissionDenied():
            return problem_of(Forbidden("this is not allowed"))
        case exceptions.NotFound():
            return problem_of(NotFound("there is nothing here"))
        case _:
            return _of_protocol(error)


def _of_protocol(error: exceptions.APIException) -> Problem:
    code = str(error.default_code)
    title = _TITLES.get(error.status_code, "Request refused")
    detail = str(error.detail).rstrip(".")
    return Problem(error.status_code, title, code, detail[:1].lower() + detail[1:])


def _field_errors(path: str, detail: Any) -> list[FieldError]:
    """The errors of serializers, which nest like the request, as a flat list of dotted paths."""
    if isinstance(detail, Mapping):
        found = []
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            found += _field_errors(".".join(part for part in (path, own) if part), inner)
        return found
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        found = []
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping)
            found += _field_errors(f"{path}.{index}" if nested else path, inner)
        return found
    text = str(detail).rstrip(".")
    return [FieldError(path, getattr(detail, "code", "invalid"), text[:1].lower() + text[1:])]


def answer_400(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's answer to a request that cannot be read."""
    problem = find_problem(exception) or problem_of(Invalid("the request cannot be read"))
    return problem_response(problem)


def answer_403(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's answer to `PermissionDenied`."""
    return problem_response(find_problem(exception) or problem_of(Forbidden("this is not allowed")))


def answer_404(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's answer to a path that nothing is at."""
    return problem_response(
        find_problem(exception) or problem_of(NotFound("there is nothing here"))
    )


def answer_500(_request: HttpRequest) -> HttpResponse:
    """Django's answer to an exception that no view caught; it is in the log by now."""
    return problem_response(find_problem(sys.exc_info()[1]) or INTERNAL_ERROR)


def answer_csrf(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's answer to a form without its token."""
    return problem_response(problem_of(Forbidden("the form's token is missing", code="csrf")))
