"""A request as the edge sees it: path, parameters, headers, and a body that is read with limits."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from app.core.addresses import client_address, network_of
from app.core.errors import Invalid
from app.core.request_context import request_id_from
from app.ingest.edge.responses import ASGIScope

Headers = Mapping[str, str]

_MAX_PARAMETERS = 100


class Request:
    """What was asked, without the body. Header names are in lower case."""

    __slots__ = ("headers", "host", "http_version", "id", "method", "network", "parameters", "path")

    def __init__(self, scope: ASGIScope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.http_version: str = scope.get("http_version", "1.1")
        self.headers = read_headers(scope)
        self.parameters = _parameters(scope.get("query_string", b""))
        self.id = request_id_from(self.headers.get("x-request-id"))
        self.host = self.headers.get("host", "")
        self.network = network_of_sender(scope, self.headers)


def network_of_sender(scope: ASGIScope, headers: Headers) -> str:
    """What counts as the sender's address."""
    peer = scope.get("client") or ("", 0)
    return network_of(client_address(peer[0], headers.get("x-forwarded-for", "")))


def read_headers(scope: ASGIScope) -> dict[str, str]:
    """Headers by lower-case name; one sent several times is joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_text in scope["headers"]:
        name, text = raw_name.decode("latin-1"), raw_text.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _parameters(query_string: bytes) -> dict[str, str]:
    """The parameters of the query; of one sent several times the last. Too many: none at all."""
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        return {}
    return dict(pairs)


def content_length(headers: Headers) -> int | None:
    """The announced length of the body; `None` when it is not announced."""
    text = headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Invalid("the content length is not a number", code="invalid_content_length")
    return int(text)
