"""Requests to Elasticsearch, and its answers and errors in our terms."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
from elastic_transport import ConnectionTimeout, SerializationError, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, OrjsonSerializer
from elasticsearch.serializer import Serializer
from typing_extensions import override

from app.core.errors import Broken, Invalid, TooLarge, Unavailable, Unsupported
from app.logstore.elastic.hosts import Hosts, Location, hosts_of

_JSON = "application/vnd.elasticsearch+json; compatible-with=8"
_NDJSON = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
_READY = "application/vnd.elasticsearch+x-ndjson"
# Beyond the time that a search is given, so that Elasticsearch's own answer comes first.
_GRACE_SECONDS = 2.0
DEFAULT_SECONDS = 30.0
_SHARD_PATIENCE = "2s"
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_NOT_FOUND = 404
# So an answer begins of which `sending` wants these parts, and only the answer to a request of it.
_ALL_STORED = b'{"errors":false,"items":[{"create":{"status":201}}'
_TOO_LARGE = 413
_UNKNOWN = 401
_FORBIDDEN = 403
_ALREADY = "resource_already_exists_exception"
_OVERLOADED = 503
NO_SHARD = "no_shard_available_action_exception"
# So it says that a point in time lacks some: `missing shards [[one][0], [two][0]]`.
_MISSING_SHARDS = "missing shards"
_MISSING_SHARD = re.compile(r"\[([^\[\]]+)\]\[\d+\]")

# By default closed indices are left out without a word; so they are an error first.
_WITH_CLOSED = {"allow_no_indices": True, "expand_wildcards": "open,closed"}
_WITHOUT_CLOSED = {"allow_no_indices": True, "expand_wildcards": "open"}

_MAX_CLIENTS = 64
_TRIES_EACH = 6

Body = Mapping[str, Any]
Answer = dict[str, Any]


class _Ready(Serializer):
    """Passes on bytes that are written already."""

    mimetype = _READY

    @override
    def dumps(self, data: Any) -> bytes:
        return bytes(data)

    @override
    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)


class _Answers(OrjsonSerializer):
    """Does not read what `_bulk` says of each of thousands of records when all are stored."""

    @override
    def loads(self, data: bytes) -> Any:
        if data.startswith(_ALL_STORED):
            return {"errors": False}
        return super().loads(data)


class Cluster:
    """One client, for any number of threads."""

    def __init__(self, location: Location) -> None:
        hosts = hosts_of(location)
        self.prefix = hosts.prefix
        self._is_gzip = hosts.is_gzip
        self._client = _client(hosts)
        # By the time that they wait; they share connections.
        self._clients: dict[float, Elasticsearch] = {}

    @property
    def partitions(self) -> str:
        """The pattern of every partition's index."""
        return f"{self.prefix}-*d-*"

    def search(
        self, index: str, body: Body, *, seconds: float = DEFAULT_SECONDS, filter_path: str = ""
    ) -> Answer:
        """One search; indices that are not there are empty, and those that are closed are named in
        the answer's `closed`. `filter_path`: what of the answer is told."""
        filtered = {"filter_path": filter_path} if filter_path else {}
        try:
            return self._search(index, body, {**_WITH_CLOSED, **filtered}, seconds)
        except Closed:
            closed = self._closed(index)
            which = {**_WITHOUT_CLOSED, **filtered}
            return {**self._search(index, body, which, seconds), "closed": closed}

    def _search(self, index: str, body: Body, options: Body, seconds: float) -> Answer:
        params = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in options.items()
        }
        seconds += _GRACE_SECONDS
        return self.call("POST", f"/{index}/_search", body=body, params=params, seconds=seconds)

    def searches(
        self,
        index: str,
        bodies: Sequence[Body],
        *,
        seconds: float = DEFAULT_SECONDS,
        filter_path: str = "",
    ) -> list[Answer]:
        """Many searches in one round trip; an error of any is an error of all."""
        if not bodies:
            return []
        filtered = {"filter_path": filter_path} if filter_path else {}
        try:
            return self._searches(index, bodies, _WITH_CLOSED, seconds, filtered)
        except Closed:
            closed = self._closed(index)
            answers = self._searches(index, bodies, _WITHOUT_CLOSED, seconds, filtered)
            return [{**answer, "closed": closed} for answer in answers]

    def _searches(
        self,
        index: str,
        bodies: Sequence[Body],
        which: Body,
        seconds: float,
        filtered: Mapping[str, str],
    ) -> list[Answer]:
        head = orjson.dumps({"index": index, **which})
        lines = b"".join(head + b"\n" + _written(body) + b"\n" for body in bodies)
        answers = self.call_with_lines(
            "/_msearch", lines, seconds=seconds + _GRACE_SECONDS, **filtered
        )
        for answer in answers["responses"]:
            if "error" in answer:
                raise _refusal(int(answer.get("status", 500)), answer)
        responses: list[Answer] = answers["responses"]
        return responses

    def _closed(self, index: str) -> list[str]:
        """The closed ones of a pattern's indices."""
        answer = self.call("GET", f"/_resolve/index/{index}", params={"expand_wildcards": "closed"})
        return [one["name"] for one in answer["indices"] if "closed" in one["attributes"]]

    def call_with_lines(
        self, path: str, lines: bytes, *, seconds: float = DEFAULT_SECONDS, **params: str
    ) -> Answer:
        """A request whose body is lines of JSON, compressed on the way to another machine."""
        headers = {"accept": _JSON, "content-type": _NDJSON}
        if self._is_gzip:
            lines = gzip.compress(lines, compresslevel=1)
            headers["content-encoding"] = "gzip"
        return self._perform("POST", path, params, headers, lines, seconds)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        params: Mapping[str, str] | None = None,
        seconds: float = DEFAULT_SECONDS,
    ) -> Answer:
        """Any other request."""
        headers = {"accept": _JSON}
        if body is not None:
            headers["content-type"] = _JSON
        return self._perform(method, path, params or {}, headers, body, seconds)

    def create(self, index: str, body: Body) -> None:
        """Makes an index; that it is there already is success. Waits a moment for its shard."""
        patience = {"timeout": _SHARD_PATIENCE}
        try:
            self.call("PUT", f"/{index}", body=body, params=patience)
        except AlreadyThere:
            # Somebody else may be making it this moment: it would not answer yet.
            with suppress(Unavailable):
                wanted = patience | {"wait_for_active_shards": "1"}
                self.call("GET", f"/_cluster/health/{index}", params=wanted)

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def _patient(self, seconds: float) -> Elasticsearch:
        """The client, waiting so long for an answer. Making one takes longer than most searches."""
        found = self._clients.get(seconds)
        if found is None:
            if len(self._clients) >= _MAX_CLIENTS:
                self._clients.clear()
            found = self._clients[seconds] = self._client.options(request_timeout=seconds)
        return found

    def _perform(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
        seconds: float,
    ) -> Answer:
        try:
            response = self._patient(seconds).perform_request(
                method, path, params=params, headers=headers, body=body
            )
        except ApiError as error:
            raise _refusal(error.meta.status, error.body) from error
        except SerializationError as error:
            raise Invalid("half a code point or another text that is none") from error
        except ConnectionTimeout as error:
            raise Unavailable("the log store did not answer in time") from error
        except TlsError as error:
            raise Unavailable("the log store's certificate is not trusted") from error
        except TransportError as error:
            raise Unavailable("the log store cannot be reached") from error
        answer: Answer = response.body
        return answer


class Missing(Unavailable):
    """The index or document is not there. Where nobody expects that, it went a moment ago, or whoever
    stands before Elasticsearch has lost sight of it."""


class AlreadyThere(Exception):
    """The index is there already."""


class NotStarted(Unavailable):
    """No shard of some indices is there: they were made a moment ago, or lost theirs. Which ones is
    not always told."""

    def __init__(self, detail: str, indices: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.indices = frozenset(indices)


class Closed(Unavailable):
    """An index is closed."""


class TooManyBuckets(Unsupported):
    """An aggregation has more groups than Elasticsearch counts at once."""


def _client(hosts: Hosts) -> Elasticsearch:
    options: dict[str, Any] = {}
    if hosts.user is not None:
        # The client itself can only write ASCII.
        options["basic_auth"] = b64encode(":".join(hosts.user).encode()).decode()
    if "api_key" in hosts.options:
        options["api_key"] = hosts.options["api_key"]
    if any(url.startswith("https") for url in hosts.urls):
        options["verify_certs"] = hosts.options.get("verify_certs") != "false"
        # Who turned it off knows.
        options["ssl_show_warn"] = False
        if "ca_certs" in hosts.options:
            options["ca_certs"] = hosts.options["ca_certs"]
    return Elasticsearch(
        list(hosts.urls),
        serializers={_READY: _Ready(), OrjsonSerializer.mimetype: _Answers()},
        # Another node is tried when one cannot be reached; a time-out is never tried again. Those that
        # are away come up once for each thread that noticed: they must not use up all tries.
        max_retries=_TRIES_EACH * (len(hosts.urls) - 1),
        retry_on_timeout=False,
        retry_on_status=(),
        connections_per_node=16,
        **options,
    )


def _written(body: Body) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise Invalid("half a code point or another text that is none") from error


def _refusal(status: int, body: Any) -> Exception:
    """What an answer other than 2xx means."""
    text = orjson.dumps(body, default=str).decode() if not isinstance(body, str) else body
    if status == _NOT_FOUND:
        return Missing("what the log store was asked for is not there")
    if _ALREADY in text:
        return AlreadyThere("there already")
    if "index_closed_exception" in text:
        return Closed("a partition is closed")
    if "too_many_buckets" in text:
        return TooManyBuckets("the groups have too many different values to be listed")
    if "too_complex" in text or "TooComplex" in text or "too complex" in text:
        return Invalid("the pattern is too complex", code="regex_too_complex")
    if status == _TOO_LARGE:
        return TooLarge("the request is larger than what lies before the log store lets through")
    return _unavailable(status, text, body) or Broken(
        f"the log store refused a request of ours: {text[:500]}"
    )


def _unavailable(status: int, text: str, body: Any) -> Unavailable | None:
    if status == _OVERLOADED and (NO_SHARD in text or _MISSING_SHARDS in text):
        return NotStarted("the log store cannot answer now", _indices_of(text, body))
    if status in _BUSY:
        return Unavailable("the log store cannot answer now")
    if status == _UNKNOWN:
        return Unavailable("the log store does not accept our credentials")
    if status == _FORBIDDEN:
        is_blocked = "cluster_block_exception" in text
        return Unavailable(
            f"the log store {'takes no records' if is_blocked else 'forbids us that'}"
        )
    return None


def _indices_of(text: str, body: Any) -> set[str]:
    """The indices whose shards an error is about, where it says so."""
    error = body.get("error") if isinstance(body, dict) else None
    failed = error.get("failed_shards", ()) if isinstance(error, dict) else ()
    missing = _MISSING_SHARD.findall(text) if _MISSING_SHARDS in text else ()
    return {one["index"] for one in failed if one.get("index")}.union(missing)
