"""Everything under Elasticsearch's paths: who may ask, where it goes, errors in its own form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from app.core.errors import ElkError
from app.core.scope import Permission, Scope
from app.ingest.edge.auth import Authenticator
from app.ingest.edge.elastic import cluster
from app.ingest.edge.elastic.bulk import BulkEndpoint
from app.ingest.edge.elastic.cluster import Cluster
from app.ingest.edge.elastic.errors import elastic_answer, elastic_error
from app.ingest.edge.elastic.handshake import Handshake, section_of
from app.ingest.edge.intake import Intake
from app.ingest.edge.requests import Request
from app.ingest.edge.responses import Answer, ASGIScope, MethodNotAllowed, Receive
from app.ingest.protocols.es_errors import invalid_argument

# First segments of paths of ours: never names of indices.
RESERVED = frozenset(
    {
        ".well-known",
        "admin",
        "api",
        "assets",
        "console",
        "favicon.ico",
        "gelf",
        "health",
        "internal",
        "login",
        "loki",
        "media",
        "metrics",
        "otlp",
        "robots.txt",
        "services",
        "static",
        "v1",
    }
)
_READING = ("GET", "HEAD")


def path_names(scope: ASGIScope) -> tuple[str, ...]:
    """The segments of a path, each decoded by itself: an index name may hold an encoded slash."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    # Empty ones do not count: shippers join a base path and "/_bulk" as they please.
    return tuple(unquote(name) for name in raw.decode("latin-1").split("/") if name)


def is_elastic(method: str, names: Sequence[str], accept: str) -> bool:
    """Whether a request is for Elasticsearch's API, and not for the console or ours."""
    if not names:
        return method in _READING and not prefers_html(accept)
    if names[0].startswith("_"):
        return True
    if names[0] in RESERVED:
        return False
    if len(names) == 1:
        return method == "PUT" or (method == "HEAD" and not prefers_html(accept))
    return names[1].startswith("_") or (len(names) == 3 and names[2] == "_bulk")


def prefers_html(accept: str) -> bool:
    """Whether a page is wanted rather than JSON: `text/html` named, and nothing above it."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, _, parameters = part.partition(";")
        weights.setdefault(name.strip(), _weight(parameters))
    html = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    named_json = weights.get("application/json")
    if named_json is not None:
        return html > named_json
    return html > 0 and html >= max(weights.get("application/*", 0.0), weights.get("*/*", 0.0))


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, text = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(text)
            except ValueError:
                return 0.0
    return 1.0


@dataclass(frozen=True, slots=True)
class ElasticParts:
    """What answers under Elasticsearch's paths."""

    cluster: Cluster
    bulk: BulkEndpoint
    handshake: Handshake


class ElasticEndpoint:
    """Answers everything that `is_elastic` says is for it."""

    def __init__(self, intake: Intake, authenticate: Authenticator, parts: ElasticParts) -> None:
        self._intake = intake
        self._authenticate = authenticate
        self._parts = parts
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="ingest-handshake")

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request, names: Sequence[str], receive: Receive) -> Answer:
        """The answer; every error of the tree in Elasticsearch's form."""
        try:
            return await self._answer(request, names, receive)
        except ElkError as error:
            return elastic_error(error, request.headers)

    async def _answer(self, request: Request, names: Sequence[str], receive: Receive) -> Answer:
        user_agent = request.headers.get("user-agent", "")
        if not names:
            value = cluster.banner(self._parts.cluster, user_agent)
            return elastic_answer(200, value, request.headers)
        scope = await self._authenticate(request.headers)
        scope.require(Permission.INGEST)
        if names[-1] == "_bulk" and len(names) <= 3:
            return await self._parts.bulk.answer(request, scope, names, receive)
        fixed = self._fixed(request, names)
        if fixed is not None:
            return fixed
        return await self._named(request, scope, names, receive)

    def _fixed(self, request: Request, names: Sequence[str]) -> Answer | None:
        """What is the same for everybody."""
        make = self._makers(request).get("/".join(names[:2])) or self._makers(request).get(names[0])
        if make is None:
            return None
        if request.method not in _READING:
            raise MethodNotAllowed(
                f"Incorrect HTTP method for uri [{request.path}] and method [{request.method}],"
                " allowed: [GET, HEAD]",
                headers={"Allow": "GET, HEAD"},
            )
        return elastic_answer(200, make(), request.headers)

    def _makers(self, request: Request) -> dict[str, Callable[[], object]]:
        known = self._parts.cluster
        user_agent = request.headers.get("user-agent", "")
        epoch = self._intake.clock.now_ns() // 1_000_000_000
        return {
            "_license": lambda: cluster.licence(known),
            "_xpack": lambda: cluster.xpack(known),
            "_cluster/health": cluster.health,
            "_cat/health": lambda: cluster.cat_health(epoch),
            "_nodes": lambda: cluster.nodes(
                known, request.host, user_agent, self._intake.limits.body.body_bytes
            ),
        }

    async def _named(
        self, request: Request, scope: Scope, names: Sequence[str], receive: Receive
    ) -> Answer:
        """What an organisation declared."""
        handshake = self._parts.handshake
        section = section_of(names)
        is_index = len(names) == 1 and not names[0].startswith("_")
        is_alias = names[0] in ("_alias", "_aliases") and len(names) == 2
        body = b""
        if request.method in ("PUT", "POST"):
            with self._intake.share_of_memory(scope.org_id, request.network) as share:
                body = await self._intake.body(receive, request.headers, share)
        if section is not None:
            work = partial(handshake.answer, section, request, scope, names, body)
        elif is_index and request.method in ("HEAD", "PUT"):
            work = partial(handshake.index, request, scope, names[0], body)
        elif is_alias and request.method in _READING:
            work = partial(handshake.alias, request, scope, names[1])
        else:
            raise invalid_argument(
                f"no handler found for uri [{request.path[:255]}] and method [{request.method}]"
            )
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
