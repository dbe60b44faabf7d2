"""Answers under the Elasticsearch prefix: the header that clients insist on, errors in its form."""

from __future__ import annotations

import re
from typing import Any

import orjson

from app.core.errors import ElkError, Unauthenticated
from app.core.problem import problem_of
from app.ingest.edge.requests import Headers
from app.ingest.edge.responses import JSON, Answer, headers_of
from app.ingest.protocols.es_errors import error_body

PRODUCT = ("X-Elastic-Product", "Elasticsearch")
_CHALLENGE = 'Basic realm="ELK Vision", charset="UTF-8"'
_COMPATIBLE = re.compile(
    r"application/vnd\.elasticsearch\+(?:x-nd)?json\s*;\s*compatible-with=(\d)"
)

_TYPES = {
    400: "illegal_argument_exception",
    401: "security_exception",
    403: "security_exception",
    404: "resource_not_found_exception",
    405: "method_not_allowed_exception",
    406: "media_type_header_exception",
    408: "timeout_exception",
    413: "content_too_long_exception",
    415: "media_type_header_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_shards_exception",
}


# A refusal that may be over soon: the same records would be taken later.
_MAY_PASS = frozenset({401, 403, 408, 429, 500, 503})


def must_be_cut(status: int, headers: Headers) -> bool:
    """Whether a bulk request's refusal must look like a broken connection.

    rsyslog's omelasticsearch up to 8.2302 at least (Debian 12) does not look at the status: it
    takes any whole JSON answer without items as a verdict on the records and drops them, but keeps
    them and comes back when the transfer fails. It is the one shipper without a user agent.
    """
    return status in _MAY_PASS and "user-agent" not in headers


def elastic_answer(status: int, value: Any, headers: Headers) -> Answer:
    """A value as compact JSON, in the media type that the client speaks."""
    return encoded_answer(status, orjson.dumps(value), headers)


def encoded_answer(status: int, body: bytes, headers: Headers) -> Answer:
    """Like `elastic_answer`, for JSON that is written already."""
    return Answer(status, body, _media_type(headers), [PRODUCT])


def _media_type(headers: Headers) -> str:
    """Elasticsearch's own media type for who asks for it, or sends it and does not say."""
    asked = headers.get("accept", "")
    if asked in ("", "*/*"):
        asked = headers.get("content-type", "")
    found = _COMPATIBLE.search(asked)
    if found:
        return f"application/vnd.elasticsearch+json;compatible-with={found.group(1)}"
    return JSON


def elastic_error(error: ElkError, headers: Headers) -> Answer:
    """An error as Elasticsearch would say it."""
    problem = problem_of(error)
    # Some of ours are raised with the very type that Elasticsearch would name.
    is_named = error.code.endswith("_exception")
    error_type = error.code if is_named else _TYPES.get(problem.status, "exception")
    answer = elastic_answer(
        problem.status, error_body(error_type, problem.detail, problem.status), headers
    )
    more = {**problem.headers, **headers_of(error)}
    if isinstance(error, Unauthenticated):
        more["WWW-Authenticate"] = _CHALLENGE
    return Answer(answer.status, answer.body, answer.content_type, [PRODUCT, *more.items()])
