"""What every test may ask for: the cast, and ways to speak as one of them.

Alice owns Acme, Bob may read there, Charlie is from Globex and sees nothing of Acme's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient

from app.core.clock import utc_now
from app.core.ids import OrgId
from app.core.limits.process import forget_limits
from app.core.scope import Scope
from app.logstore.elastic import cluster
from app.users.authentication import forget_callers
from app.users.models import Membership, Role
from app.users.selectors import memberships_of
from app.users.services import (
    ApiKeyDraft,
    Registration,
    create_api_key,
    register,
    scope_of_member,
)
from app.users.sessions import TokenPair, sign_in
from tests import services
from tests.redis_fixtures import own_redis as own_redis
from tests.redis_fixtures import use_redis as use_redis

# How fast a machine draws says nothing about what is tested. What is drawn is the same each time, but
# for TIMES: a change fails for what it changed.
settings.register_profile(
    "any_pace",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="TIMES" not in os.environ,
    database=None,
)
settings.load_profile("any_pace")

PASSWORD = "correct horse battery staple"
_API = Path(__file__).parent / "api"


@dataclass(frozen=True)
class Person:
    """One of the cast. `client` sends their access token along; `scope` is in `org_id`."""

    username: str
    user_id: UUID
    org_id: OrgId
    slug: str
    scope: Scope
    tokens: TokenPair
    client: APIClient


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The API's tests run on the database of the settings: where that is MongoDB, they need it."""
    if connection.vendor == "mongodb":
        for item in items:
            if item.path.is_relative_to(_API):
                item.add_marker(pytest.mark.mongo)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Nothing is skipped: a service that is not named fails the tests that need it."""
    services.require(item)


# What migrations leave behind and no test changes: making it anew takes longer than most tests.
_KEPT_COLLECTIONS = {"django_content_type", "auth_permission", "django_migrations"}


@pytest.fixture(autouse=True, scope="session")
def _quick_flush() -> Iterator[None]:
    """MongoDB has no transaction around a test that could be rolled back: whatever a test wrote is
    deleted after it, without making Django's own rows again."""
    if connection.vendor != "mongodb":
        yield
        return
    original = TransactionTestCase._fixture_teardown

    def empty(_test: TransactionTestCase) -> None:
        # Every collection is known from the start: asking for their names costs as much as all.
        database = connection.database
        for model in apps.get_models():
            if model._meta.db_table not in _KEPT_COLLECTIONS:
                database[model._meta.db_table].delete_many({})

    TransactionTestCase._fixture_teardown = empty
    yield
    TransactionTestCase._fixture_teardown = original


@pytest.fixture(autouse=True, scope="session")
def _started_shards() -> Iterator[None]:
    """Whoever makes an index of Elasticsearch's waits until its shard has started, however long a busy
    server takes: what is stored earlier waits in a lane, and is found a moment later only."""
    with pytest.MonkeyPatch.context() as patch:
        # Less than any request is given.
        patch.setattr(cluster, "_SHARD_PATIENCE", "25s")
        yield


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    """What one test taught the process is unknown to the next."""
    forget_callers()
    forget_limits()
    cache.clear()
    yield
    forget_callers()


@pytest.fixture
def anonymous() -> APIClient:
    """A client without credentials."""
    return client_with()


@pytest.fixture
def alice(db: None) -> Person:
    """Owns Acme."""
    return _join("alice", organisation="Acme")


@pytest.fixture
def bob(alice: Person) -> Person:
    """May read in Acme, and owns nothing else."""
    return _join("bob", organisation="Bobs own", member_of=alice, role=Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> Person:
    """Owns Globex, and is a stranger to Acme."""
    return _join("charlie", organisation="Globex")


@pytest.fixture
def acme_key(alice: Person) -> str:
    """An API key of Acme's that may do everything."""
    return key_of(alice, "ingest", "search", "admin")


@pytest.fixture
def acme_ingest_key(alice: Person) -> str:
    """An API key of Acme's that may only send logs."""
    return key_of(alice, "ingest")


@pytest.fixture
def acme_search_key(alice: Person) -> str:
    """An API key of Acme's that may only search."""
    return key_of(alice, "search")


@pytest.fixture
def globex_key(charlie: Person) -> str:
    """An API key of Globex's that may do everything."""
    return key_of(charlie, "ingest", "search", "admin")


def client_with(**headers: str) -> APIClient:
    """A client that sends these headers along: `Authorization="ApiKey …"`. It answers what the
    service would answer, also where a view raises."""
    client = APIClient(headers=headers, raise_request_exception=False)
    client.default_format = "json"
    return client


def key_of(person: Person, *scopes: str) -> str:
    """A new API key of the person's organisation."""
    return create_api_key(person.scope, draft=ApiKeyDraft(name="a key", scopes=scopes))[1]


def _join(
    name: str,
    *,
    organisation: str,
    member_of: Person | None = None,
    role: Role = Role.VIEWER,
) -> Person:
    profile, member = register(
        Registration(
            username=name,
            email=f"{name}@example.com",
            password=PASSWORD,
            organisation=organisation,
        )
    )
    headers = {}
    if member_of is not None:
        Membership.objects.create_for(member_of.scope, user_id=profile.id, role=role)
        member = next(m for m in memberships_of(profile.id) if m.org_id == member_of.org_id)
        headers["X-Organisation"] = member.slug
    tokens = sign_in(name=name, password=PASSWORD, now=utc_now())
    return Person(
        username=name,
        user_id=profile.id,
        org_id=member.org_id,
        slug=member.slug,
        scope=scope_of_member(profile.id, member),
        tokens=tokens,
        client=client_with(Authorization=f"Bearer {tokens.access}", **headers),
    )
