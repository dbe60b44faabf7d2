"""Encryption, credentials and several hosts, with a proxy before the real server."""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.errors import Broken, Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.hosts import hosts_of
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import Position, SearchPlan
from app.query.filters import Everything
from tests.certificates import Authority
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, a_record
from tests.elastic_indices import answered_health
from tests.recording_proxy import RecordingProxy

HOSTS = os.environ.get("ELASTICSEARCH_HOSTS", "")
PASSWORD = "p@ss:wörd/#?"
QUOTED = "p%40ss%3Aw%C3%B6rd%2F%23%3F"
KEY = "VnVhQ2ZHY0JDZGJrU:bWhhbTkzNQ=="


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom the client may trust."""
    return Authority(tmp_path)


@pytest.fixture
def proxy(authority: Authority) -> Iterator[RecordingProxy]:
    """The server, behind TLS."""
    opened = RecordingProxy(HOSTS, certificate=authority.sign("elasticsearch"))
    yield opened
    opened.close()


def _prefix(location: Path) -> str:
    return str(location).partition("#")[2]


def _store_and_search(location: str) -> int:
    writer = ElasticWriter(location)
    writer.append([a_record()], position=Position("j", 1))
    writer.close()
    reader = ElasticReader(location)
    total = reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).total
    reader.close()
    return total


@pytest.mark.elastic
@pytest.mark.parametrize(
    ("user", "option", "header"),
    [
        (f"el%40stic:{QUOTED}@", "", f"Basic {b64encode(f'el@stic:{PASSWORD}'.encode()).decode()}"),
        ("", f"&api_key={KEY}", f"ApiKey {KEY}"),
    ],
)
def test_every_request_is_encrypted_and_says_who_asks(
    location: Path, authority: Authority, proxy: RecordingProxy, user: str, option: str, header: str
) -> None:
    address = proxy.url.replace("https://", f"https://{user}")
    assert (
        _store_and_search(f"{address}?ca_certs={authority.path}{option}#{_prefix(location)}") == 1
    )
    assert {request.headers.get("authorization") for request in proxy.requests} == {header}
    assert len(proxy.requests) > 5


@pytest.mark.elastic
def test_a_server_that_somebody_else_vouches_for_is_refused_and_says_so(
    location: Path, tmp_path: Path, proxy: RecordingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other = Authority(tmp_path, "stranger")
    with_password = proxy.url.replace("https://", f"https://elastic:{QUOTED}@")
    for text in (
        f"{proxy.url}?ca_certs={other.path}&api_key={KEY}",
        f"{with_password}?ca_certs={other.path}",
    ):
        writer = ElasticWriter(f"{text}#{_prefix(location)}")
        with pytest.raises(Unavailable, match="certificate is not trusted") as raised:
            writer.append([a_record()], position=Position("j", 1))
        writer.close()
        reader = ElasticReader(f"{text}#{_prefix(location)}")
        health = answered_health(reader)
        assert (health.status, health.detail) == (
            "down",
            "the log store's certificate is not trusted",
        )
        reader.close()
        shown = repr(raised.value) + str(raised.getrepr(style="long")) + caplog.text + repr(health)
        _assert_secret(shown)
    assert proxy.requests == []


@pytest.mark.elastic
def test_certificates_are_only_left_unchecked_where_that_is_asked_for(
    location: Path, proxy: RecordingProxy
) -> None:
    assert _store_and_search(f"{proxy.url}?verify_certs=false#{_prefix(location)}") == 1
    reader = ElasticReader(f"{proxy.url}#{_prefix(location)}")
    with pytest.raises(Unavailable, match="certificate is not trusted"):
        reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    reader.close()


@pytest.mark.elastic
def test_one_of_several_hosts_may_be_dead(location: Path) -> None:
    alive = HOSTS.removesuffix("/")
    prefix = _prefix(location)
    assert _store_and_search(f"http://127.0.0.1:1,{alive},http://127.0.0.1:2#{prefix}") == 1
    reader = ElasticReader(f"{alive},http://127.0.0.1:1#{prefix}")
    for _ in range(6):
        assert reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).total == 1
    assert answered_health(reader).status == "up"
    reader.close()


@pytest.mark.elastic
def test_hosts_that_several_threads_found_dead_hide_no_other(location: Path) -> None:
    alive = HOSTS.removesuffix("/")
    cluster = Cluster(f"http://127.0.0.1:1,{alive},http://127.0.0.1:2#{_prefix(location)}")
    pool = cluster._client.transport.node_pool
    dead = [node for node in pool.all() if node.port in (1, 2)]

    def ask(number: int) -> str:
        # It is so long ago that they may be tried again.
        for place, node in enumerate(dead):
            pool.mark_dead(node, _now=float(2 * number + place))
        status: str = cluster.call("GET", "/_cluster/health")["status"]
        return status

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(ask, range(200)))
    cluster.close()


@pytest.mark.parametrize(
    "text",
    [
        f"https://elastic:{QUOTED}@one:9200?ca_certs=/x.pem",
        f"https://one:9200?api_key={KEY}",
    ],
)
def test_hosts_do_not_show_their_secrets(text: str) -> None:
    hosts = hosts_of(text)
    _assert_secret(f"{hosts!r} {hosts} {hosts.urls}")


@pytest.mark.parametrize(
    "text", [f"http://elastic:{PASSWORD[:3]}/wörd@one:9200", "http://u:p@[::1", "http://u:secret"]
)
def test_hosts_that_cannot_be_read_are_not_repeated(text: str) -> None:
    with pytest.raises(Broken) as raised:
        hosts_of(text)
    shown = str(raised.getrepr(style="value"))
    assert not any(secret in shown for secret in ("wörd", "p@s", "secret"))


def _assert_secret(shown: str) -> None:
    assert not any(secret in shown for secret in (PASSWORD, QUOTED, KEY, "wörd"))
    both = f"elastic:{PASSWORD}".encode()
    assert b64encode(both).decode() not in shown
