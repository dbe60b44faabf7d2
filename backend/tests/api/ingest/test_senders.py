"""Whose credential it is, asked of the real accounts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.clock import utc_now
from app.core.errors import Forbidden, NotFound, Unauthenticated
from app.core.scope import ActorKind, Permission
from app.ingest.edge.auth import Shown
from app.ingest.edge.elastic.declared import DeclaredLimits
from app.ingest.edge.stored.accounts import look_up_sender
from app.ingest.edge.stored.names import StoredNames
from app.users.credentials import KeyShown, TokenShown
from app.users.models import ApiKey
from app.users.tokens import ACCESS_LIFETIME
from tests.conftest import Person, key_of
from tests.unit.ingest.edge.server import served


def test_a_key_stands_for_its_organisation_and_its_use_is_noted(alice: Person) -> None:
    scope, expires_at = look_up_sender(Shown(KeyShown(key_of(alice, "ingest"))))

    assert scope.org_id == alice.org_id
    assert scope.actor.kind is ActorKind.API_KEY
    assert scope.permissions == {Permission.INGEST}
    assert ApiKey.objects.for_scope(alice.scope).get().last_used_at is not None
    assert expires_at is None


def test_it_is_said_until_when_a_key_and_a_token_are_good(alice: Person) -> None:
    key = key_of(alice, "ingest")
    soon = utc_now() + timedelta(seconds=90)
    ApiKey.objects.for_scope(alice.scope).update(expires_at=soon)

    assert look_up_sender(Shown(KeyShown(key))).expires_at == soon
    of_token = look_up_sender(Shown(TokenShown(alice.tokens.access))).expires_at
    assert of_token is not None
    assert utc_now() < of_token <= utc_now() + ACCESS_LIFETIME


def test_a_key_that_nobody_has_is_refused(alice: Person) -> None:
    with pytest.raises(Unauthenticated):
        look_up_sender(Shown(KeyShown("elkv_nobody")))


def test_an_expired_key_is_refused(alice: Person) -> None:
    key = key_of(alice, "ingest")
    past = utc_now() - timedelta(seconds=1)
    ApiKey.objects.for_scope(alice.scope).update(expires_at=past)

    with pytest.raises(Unauthenticated, match="expired"):
        look_up_sender(Shown(KeyShown(key)))


def test_a_person_sends_into_their_own_organisation_or_the_named_one(
    alice: Person, charlie: Person
) -> None:
    token = TokenShown(alice.tokens.access)

    assert look_up_sender(Shown(token)).scope.org_id == alice.org_id
    assert look_up_sender(Shown(token, alice.slug)).scope.org_id == alice.org_id
    assert look_up_sender(Shown(token, str(alice.org_id))).scope.org_id == alice.org_id
    with pytest.raises(NotFound):
        look_up_sender(Shown(token, charlie.slug))


def test_a_viewer_may_not_send(bob: Person, alice: Person) -> None:
    scope = look_up_sender(Shown(TokenShown(bob.tokens.access), alice.slug)).scope

    with pytest.raises(Forbidden):
        scope.require(Permission.INGEST)


def test_what_is_no_token_is_refused(alice: Person) -> None:
    with pytest.raises(Unauthenticated):
        look_up_sender(Shown(TokenShown("not.a.token")))


@pytest.mark.django_db(transaction=True)
def test_records_and_templates_arrive_with_real_accounts_behind_the_edge(
    alice: Person, charlie: Person, tmp_path: Path
) -> None:
    keys = {person.username: key_of(person, "ingest") for person in (alice, charlie)}
    path = "/_index_template/app"
    for is_first_start in (True, False):
        names = StoredNames(DeclaredLimits())
        with served(tmp_path, look_up=look_up_sender, names=names) as edge:
            with edge.client(Authorization=f"ApiKey {keys['alice']}") as client:
                if is_first_start:
                    assert client.put(path, json={"priority": 7}).status_code == 200
                found = client.get(path)
                assert client.post("/api/v1/logs/", content=b"{}").status_code == 202
            stranger = edge.client(Authorization=f"ApiKey {keys['charlie']}")
            with stranger as client:
                assert client.get(path).status_code == 404
            person = edge.client(
                **{
                    "Authorization": f"Bearer {alice.tokens.access}",
                    "X-Organisation": charlie.slug,
                }
            )
            with person as client:
                assert client.post("/api/v1/logs/", content=b"{}").status_code == 404

            assert found.json()["index_templates"][0]["index_template"] == {"priority": 7}
            assert {batch.org_id for batch in edge.batches()} == {alice.org_id}
