"""Elasticsearch without us: a client that costs as little as a client can, and an identical index."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import orjson

from app.cli.demo.generator import Feed, lines
from app.core.ids import OrgId, uuid7, uuid7_run
from app.ingest.directory import DefaultStreams
from app.ingest.normalising.normalise import normalise
from app.journal.batch import Batch
from app.logstore.elastic.document import keys_of
from app.logstore.elastic.documents import documents_of
from app.logstore.elastic.mapping import MAPPINGS, SETTINGS, attribute_mappings
from app.logstore.elastic.names import field_names, org_tag
from tests.benchmarks.recorder import Recorded

BATCH = 1_000
# Tried: one, two and four connections, a thousand to eight thousand documents in a request.
CONNECTIONS = 2
DOCUMENTS_A_REQUEST = 4_000
# Elasticsearch tells sizes that are up to ten seconds old.
STATS_SECONDS = 11.0
_NDJSON = {"Content-Type": "application/x-ndjson"}
_JSON = {"Content-Type": "application/json"}


class _Fields:
    """Every path is mapped."""

    def __init__(self, org_id: OrgId) -> None:
        self.tag = org_tag(org_id, "")
        self.hidden_tag = org_tag(org_id, "_")
        self.names: dict[str, tuple[str, str, str] | None] = {}
        self.used: dict[str, None] = {}

    def decide(self, path: str) -> tuple[str, str, str] | None:
        self.names[path] = field_names(path)
        return self.names[path]

    def use(self, name: str) -> None:
        self.used[name] = None


@dataclass(frozen=True, slots=True)
class Bodies:
    """Requests to `_bulk` as bytes, the fields that they use, and how many documents they have."""

    requests: list[bytes]
    fields: list[str]
    documents: int


def bodies_of(feed: Feed, count: int) -> Bodies:
    """Exactly the documents that our shipper sends for these records, of an organisation of its own."""
    org_id = OrgId(uuid7())
    fields = _Fields(org_id)
    pieces = _pieces(feed, count, org_id, fields)
    requests = []
    while piece := b"".join(islice(pieces, DOCUMENTS_A_REQUEST)):
        requests.append(piece)
    return Bodies(requests, list(fields.used), count)


def _pieces(feed: Feed, count: int, org_id: OrgId, fields: _Fields) -> Iterator[bytes]:
    target = DefaultStreams()(org_id, "")
    for start in range(0, count, BATCH):
        now_ns = time.time_ns()
        batch = Batch(
            org_id=org_id,
            received_ns=now_ns,
            first_id=uuid7_run(now_ns // 1_000_000),
            protocol="ndjson",
            lines=list(lines(feed, start, min(BATCH, count - start))),
        )
        records = normalise(batch, target).records
        documents = documents_of(records, fields)
        for key, document in zip(keys_of(records), documents, strict=True):
            if isinstance(document, Exception):
                raise document
            yield b'{"create":{"_id":"%b"}}\n%b\n' % (key.encode(), document)


class RawElastic:
    """One index of our own mapping, and requests straight to the server."""

    def __init__(self, url: str, index: str) -> None:
        self._address = urlsplit(url)
        self.index = index
        self._connection = self._connected()
        self._is_made = False

    def close(self) -> None:
        self._connection.close()

    def load(self, bodies: Bodies) -> float:
        """Sends everything; how many seconds until all of it is found."""
        self._make(bodies.fields)
        before = self.count(self.index)
        requests = iter(bodies.requests)
        lock = threading.Lock()
        trouble: list[BaseException] = []

        def send() -> None:
            connection = self._connected()
            try:
                while (body := _next(requests, lock)) is not None:
                    self._bulk(connection, body)
            except (OSError, RuntimeError) as error:
                trouble.append(error)
            finally:
                connection.close()

        began = time.perf_counter()
        threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if trouble:
            raise trouble[0]
        self.refresh(self.index)
        seconds = time.perf_counter() - began
        if self.count(self.index) - before != bodies.documents:
            raise RuntimeError("not all documents are found")
        return seconds

    def _bulk(self, connection: HTTPConnection, body: bytes) -> None:
        path = f"/{self.index}/_bulk?filter_path=errors"
        if self._ask(connection, "POST", path, _NDJSON, body)["errors"]:
            raise RuntimeError("some documents were not taken")

    def count(self, indices: str) -> int:
        found: int = self.call("GET", f"/{indices}/_count")["count"]
        return found

    def refresh(self, indices: str) -> None:
        self.call("POST", f"/{indices}/_refresh")

    def settle(self, indices: str, *, is_merged: bool) -> None:
        """Everything on disk, and no merge under way; `is_merged`: in one segment each."""
        if is_merged:
            self.call("POST", f"/{indices}/_forcemerge?max_num_segments=1")
        self.call("POST", f"/{indices}/_flush?wait_if_ongoing=true")
        while self._merging(indices):
            time.sleep(0.2)
        time.sleep(STATS_SECONDS)

    def disk_bytes(self, indices: str) -> int:
        told = self.call("GET", f"/{indices}/_stats/store")
        size: int = told["_all"]["primaries"]["store"]["size_in_bytes"]
        return size

    def shards(self, indices: str) -> int:
        told = self.call("GET", f"/{indices}/_stats/docs")
        shards: int = told["_shards"]["total"]
        return shards

    def cpu_seconds(self) -> float:
        """Processor time of the servers so far."""
        nodes = self.call("GET", "/_nodes/stats/process")["nodes"].values()
        return float(sum(node["process"]["cpu"]["total_in_millis"] for node in nodes) / 1000)

    def time(self, recorded: Sequence[Recorded]) -> float:
        """Milliseconds that these take, one after the other."""
        before = time.perf_counter()
        for one in recorded:
            self._connection.request(one.method, one.path, one.body, one.headers)
            answer = self._connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{one.path}: {answer.status}")
        return (time.perf_counter() - before) * 1000

    def delete(self, indices: str) -> None:
        """Removes indices by their pattern."""
        names = self.call("GET", f"/{indices}/_settings/index.uuid?allow_no_indices=true")
        for name in names:
            self.call("DELETE", f"/{name}")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = b"" if body is None else orjson.dumps(body)
        return self._ask(self._connection, method, path, _JSON, data)

    def _make(self, fields: list[str]) -> None:
        if not self._is_made:
            self.call("PUT", f"/{self.index}", {"settings": SETTINGS, "mappings": MAPPINGS})
            self.call("PUT", f"/{self.index}/_mapping", attribute_mappings(fields))
            self._is_made = True

    def _merging(self, indices: str) -> int:
        told = self.call("GET", f"/{indices}/_stats/merge")
        current: int = told["_all"]["primaries"]["merges"]["current"]
        return current

    def _connected(self) -> HTTPConnection:
        return HTTPConnection(self._address.hostname or "", self._address.port, timeout=600)

    def _ask(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Any:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status} {told[:500]!r}")
        return orjson.loads(told)


def _next(requests: Iterator[bytes], lock: threading.Lock) -> bytes | None:
    with lock:
        return next(requests, None)
