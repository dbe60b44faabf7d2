"""The Elasticsearch that shippers believe they talk to: version, licence, health, nodes. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

CLUSTER_NAME = "elk-vision"
DEFAULT_VERSION = "8.19.0"

# Beats refuse a cluster older than themselves: we are as old as who asks.
_OF_ELASTIC = re.compile(r"Elastic-[A-Za-z-]+/(\d{1,2}\.\d{1,2}\.\d{1,2})")
_NOT_A_HOST = re.compile(r"[^A-Za-z0-9.:\[\]_-]")
_BUILD_HASH = "0" * 40
_BUILD_DATE = "2025-07-01T00:00:00.000Z"
_ISSUED_MS = 1_751_328_000_000
_EXPIRES_MS = 4_102_444_800_000
_FEATURES = ("ilm", "data_streams", "security")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One installation: `uuid` is stable as long as it lives, `version` what unknown clients see."""

    uuid: str
    version: str = DEFAULT_VERSION

    @classmethod
    def of_installation(cls, name: str, version: str = DEFAULT_VERSION) -> Cluster:
        """The cluster of an installation that is known by any stable name."""
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        return cls(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), version)

    def version_for(self, user_agent: str) -> str:
        """The version that a client will accept."""
        found = _OF_ELASTIC.search(user_agent)
        return found.group(1) if found else self.version


def banner(cluster: Cluster, user_agent: str) -> dict[str, Any]:
    """`GET /`."""
    number = cluster.version_for(user_agent)
    lucene, wire, index = _compatibility(int(number.partition(".")[0]))
    return {
        "name": CLUSTER_NAME,
        "cluster_name": CLUSTER_NAME,
        "cluster_uuid": cluster.uuid,
        "version": {
            "number": number,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": _BUILD_HASH,
            "build_date": _BUILD_DATE,
            "build_snapshot": False,
            "lucene_version": lucene,
            "minimum_wire_compatibility_version": wire,
            "minimum_index_compatibility_version": index,
        },
        "tagline": "You Know, for Search",
    }


def _compatibility(major: int) -> tuple[str, str, str]:
    if major <= 7:
        return "8.11.3", "6.8.0", "6.0.0-beta1"
    if major == 8:
        return "9.12.2", "7.17.0", "7.0.0"
    return "10.2.2", "8.19.0", "8.0.0"


def licence(cluster: Cluster) -> dict[str, Any]:
    """`GET /_license`: Logstash needs the status, Beats the type."""
    return {
        "license": {
            "status": "active",
            "uid": cluster.uuid,
            "type": "basic",
            "issue_date": "2025-07-01T00:00:00.000Z",
            "issue_date_in_millis": _ISSUED_MS,
            "expiry_date": "2100-01-01T00:00:00.000Z",
            "expiry_date_in_millis": _EXPIRES_MS,
            "max_nodes": 1000,
            "issued_to": CLUSTER_NAME,
            "issuer": CLUSTER_NAME,
            "start_date_in_millis": -1,
        }
    }


def xpack(cluster: Cluster) -> dict[str, Any]:
    """`GET /_xpack`."""
    return {
        "build": {"hash": _BUILD_HASH, "date": _BUILD_DATE},
        "license": {"uid": cluster.uuid, "type": "basic", "mode": "basic", "status": "active"},
        "features": {name: {"available": True, "enabled": True} for name in _FEATURES},
        "tagline": "You know, for X",
    }


def health() -> dict[str, Any]:
    """`GET /_cluster/health`: green as long as we take records."""
    return {
        "cluster_name": CLUSTER_NAME,
        "status": "green",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    }


def cat_health(epoch: int) -> list[dict[str, str]]:
    """`GET /_cat/health` as JSON."""
    clock = f"{epoch // 3600 % 24:02}:{epoch // 60 % 60:02}:{epoch % 60:02}"
    return [
        {
            "epoch": str(epoch),
            "timestamp": clock,
            "cluster": CLUSTER_NAME,
            "status": "green",
            "node.total": "1",
            "node.data": "1",
            "shards": "1",
            "pri": "1",
            "relo": "0",
            "init": "0",
            "unassign": "0",
            "pending_tasks": "0",
            "max_task_wait_time": "-",
            "active_shards_percent": "100.0%",
        }
    ]


def nodes(cluster: Cluster, host: str, user_agent: str, body_bytes: int) -> dict[str, Any]:
    """`GET /_nodes`: one node, at the address by which the client came; no other would do."""
    address = _NOT_A_HOST.sub("", host)[:255]
    node = {
        "name": CLUSTER_NAME,
        "transport_address": address,
        "host": address.rpartition(":")[0] or address,
        "ip": address.rpartition(":")[0] or address,
        "version": cluster.version_for(user_agent),
        "build_flavor": "default",
        "build_type": "tar",
        "build_hash": _BUILD_HASH,
        "roles": ["data", "ingest", "master"],
        "attributes": {},
        "http": {
            "bound_address": [address],
            "publish_address": address,
            "max_content_length_in_bytes": body_bytes,
        },
    }
    return {
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": CLUSTER_NAME,
        "nodes": {cluster.uuid: node},
    }
