"""The privileges that the documentation asks for are enough, and no less would do."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.logstore.elastic.cluster import Cluster
from app.logstore.elastic.reader import ElasticReader
from app.logstore.elastic.upkeep import keep_up
from app.logstore.elastic.writer import ElasticWriter
from app.logstore.types import (
    NS_PER_DAY,
    QUARANTINE_STREAM,
    AggregatePlan,
    Function,
    Metric,
    Position,
    SearchPlan,
)
from app.query.filters import Everything
from tests.conformance.cast import ALICE
from tests.conformance.records import ALWAYS, NOON_NS, a_record, a_sent_record
from tests.elastic_indices import answered_health
from tests.elasticsearch_server import ElasticsearchServer
from tests.process.running import BACKEND

pytestmark = pytest.mark.elastic
PASSWORD = "correct horse battery staple"
OPERATIONS = BACKEND.parent / "docs" / "operations.md"
# Somebody of whom one partition was forgotten.
NARROW = "narrow"
NARROW_ROLE = {
    "cluster": ["monitor", "manage_index_templates"],
    "indices": [
        {"names": [f"{NARROW}-30d-*", f"{NARROW}-14d-*"], "privileges": ["write"]},
        {"names": [f"{NARROW}-positions"], "privileges": ["write"]},
        {"names": [f"{NARROW}-*"], "privileges": ["manage", "read"]},
    ],
}
COUNT = AggregatePlan(Everything(), ALWAYS, (), (Metric(Function.COUNT, "n"),))


def _role(name: str) -> str:
    """A role as the documentation spells it: a block of JSON that begins with its request."""
    text = OPERATIONS.read_text()
    found = re.search(rf"PUT /_security/role/{name}\n(.*?)\n\n", text, re.DOTALL)
    assert found is not None, name
    return f"{name}: {json.dumps(json.loads(found[1]))}\n"


def _hashed(password: str) -> str:
    salt, rounds = b"a salt of thirty-two bytes......", 10_000
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    return f"{{PBKDF2}}{rounds}${b64encode(salt).decode()}${b64encode(key).decode()}"


@pytest.fixture(scope="module")
def server() -> Iterator[ElasticsearchServer]:
    """A node that asks who one is, and knows the two roles and somebody of each."""
    names = ("elkv_shipper", "elkv_search")
    node = ElasticsearchServer(
        files={
            "roles.yml": "".join([*map(_role, names), f"{NARROW}: {json.dumps(NARROW_ROLE)}\n"]),
            "users": "".join(f"{name}:{_hashed(PASSWORD)}\n" for name in (*names, NARROW)),
            "users_roles": "".join(f"{name}:{name}\n" for name in (*names, NARROW)),
        },
        xpack__security__enabled="true",
        xpack__security__autoconfiguration__enabled="false",
        xpack__security__authc__password_hashing__algorithm="pbkdf2",
    )
    node.start()
    yield node
    node.close()


def _location(
    server: ElasticsearchServer, name: str, password: str = PASSWORD, *, prefix: str = "elkv"
) -> Path:
    address = server.url.replace("http://", f"http://{name}:{password.replace(' ', '%20')}@")
    return Path(f"{address}#{prefix}")


def test_the_roles_of_the_documentation_are_enough(server: ElasticsearchServer) -> None:
    shipper = _location(server, "elkv_shipper")
    writer = ElasticWriter(shipper)
    writer.append(
        [a_record(attributes={"a": 1}), a_sent_record("id", retention_class=3)],
        position=Position("j", 1),
    )
    assert writer.commit() is None
    assert answered_health(writer).status == "up"
    writer.maintain(NOON_NS)
    writer.close()
    reader = ElasticReader(_location(server, "elkv_search"))
    assert reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).total == 2
    assert reader.aggregate(ALICE, [COUNT, COUNT])[1].rows == ((2,),)
    assert len(list(reader.scan(ALICE, SearchPlan(Everything(), ALWAYS, limit=1)))) == 2
    assert reader.get(ALICE, "id") is not None
    assert answered_health(reader).status == "up"
    assert len(reader.fields(ALICE, ALWAYS).fields) > 3
    _close(shipper, "elkv-3d-pool0-2026-11-20")
    assert reader.search(ALICE, SearchPlan(Everything(), ALWAYS)).skipped == (
        "3d-pool0/2026-11-20",
    )
    reader.close()
    keep_up(shipper, NOON_NS + 10 * NS_PER_DAY)
    cluster = Cluster(shipper)
    assert list(cluster.call("GET", "/elkv-3d-*/_settings")) == []
    cluster.close()


def _close(location: Path, index: str) -> None:
    cluster = Cluster(location)
    cluster.call("POST", f"/{index}/_close")
    cluster.close()


def test_who_may_only_search_changes_nothing(server: ElasticsearchServer) -> None:
    writer = ElasticWriter(_location(server, "elkv_search"))
    with pytest.raises(Unavailable, match="forbids us that"):
        writer.append([a_record()], position=Position("j", 1))
    writer.close()


def test_what_we_may_not_write_to_one_partition_waits_and_is_not_quarantined(
    server: ElasticsearchServer,
) -> None:
    location = _location(server, NARROW, prefix=NARROW)
    writer = ElasticWriter(location, holds_back=True)
    records = [a_record("free"), a_record("forbidden", retention_class=3)]
    writer.append(records, position=Position("j", 1))
    assert writer.commit() == Position("j", 1)
    health = answered_health(writer)
    assert health.broken == ("3d-pool0/2026-11-20",)
    assert "our user may not write to it" in (health.detail or "")
    reader = ElasticReader(location)
    for stream, messages in ((None, ["free"]), (QUARANTINE_STREAM, [])):
        page = reader.search(ALICE, SearchPlan(Everything(), ALWAYS, stream=stream))
        assert [record.message for record in page.records] == messages
    reader.close()
    writer.close()


def test_a_wrong_password_is_named_and_not_shown(server: ElasticsearchServer) -> None:
    reader = ElasticReader(_location(server, "elkv_search", "incorrect"))
    with pytest.raises(Unavailable, match="does not accept our credentials") as raised:
        reader.search(ALICE, SearchPlan(Everything(), ALWAYS))
    assert "incorrect" not in str(raised.getrepr(style="value"))
    health = answered_health(reader)
    assert (health.status, health.detail) == (
        "down",
        "the log store does not accept our credentials",
    )
    reader.close()
