"""All matches of a question as they were when it was asked, for exports and moves.

A point in time keeps what it has seen on disk, so nobody else uses one: pages of a search follow a
sort key instead. An answer that lacks a partition is no export: it ends with `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

from app.core.errors import ElkError, Unavailable
from app.logstore.elastic.cluster import Answer, Cluster, Missing, NotStarted
from app.logstore.elastic.starting import Patience, Starting

# How long whoever reads may take for one page.
_KEPT = "5m"


def hits_at_one_moment(
    cluster: Cluster, starting: Starting, body: Answer
) -> Generator[Answer, None, None]:
    """The hits of a search with `size` and a `sort` that no two of them share, page after page."""
    moment = _moment(cluster, starting)
    try:
        after: list[Any] | None = body.get("search_after")
        while True:
            page = {**body, "pit": {"id": moment, "keep_alive": _KEPT}, "track_total_hits": False}
            if after is not None:
                page["search_after"] = after
            answer = _page(cluster, page)
            moment = answer.get("pit_id", moment)
            hits = answer["hits"]["hits"]
            yield from hits
            if len(hits) < body["size"]:
                return
            # Elasticsearch adds a key of its own to a sort over a point in time.
            after = hits[-1]["sort"]
    finally:
        with suppress(ElkError):  # it ends by itself after some minutes
            cluster.call("DELETE", "/_pit", body={"id": moment})


def _moment(cluster: Cluster, starting: Starting) -> str:
    params = {"keep_alive": _KEPT, "allow_no_indices": "true", "expand_wildcards": "open,closed"}
    patience = Patience(starting)
    while True:
        try:
            answer = cluster.call("POST", f"/{cluster.partitions}/_pit", params=params)
        except NotStarted as error:
            if not patience.wait(error.indices):
                raise
        else:
            return str(answer["id"])


def _page(cluster: Cluster, body: Answer) -> Answer:
    try:
        answer = cluster.call("POST", "/_search", body=body)
    except Missing as error:
        raise Unavailable("what was asked for has expired or took too long to be read") from error
    if answer["_shards"]["failed"] or answer["timed_out"]:
        raise Unavailable("a partition cannot be read: what was found would not be all")
    return answer
