"""The first start: somebody who can sign in, and a key that can send."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from app.audit.services import record
from app.core.db import run_atomic
from app.core.ids import OrgId
from app.core.scope import system_scope
from app.users.models import User
from app.users.organisations import found_organisation
from app.users.services import ApiKeyDraft, create_api_key

_PASSWORD_BYTES = 15


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """What is told once and kept nowhere."""

    username: str
    email: str
    password: str
    organisation: str
    org_id: OrgId
    ingest_key: str


def ensure_first_admin(*, username: str, email: str, organisation: str) -> FirstAdmin | None:
    """Makes the administrator, their organisation and an ingest key; `None` if there is a user
    already. Of several callers at once one makes them."""

    def work() -> FirstAdmin | None:
        if User.objects.exists():
            return None
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        user = User.objects.create_superuser(username, email, password)
        member = found_organisation(name=organisation.capitalize(), owner_id=user.id)
        scope = system_scope(member.org_id, "first_start")
        record(
            scope,
            action="organisation_created",
            subject=("organisation", member.org_id),
            after={"slug": member.slug, "name": member.name},
        )
        draft = ApiKeyDraft(name="first start", scopes=("ingest",))
        key = create_api_key(scope, draft=draft)[1]
        return FirstAdmin(username, email, password, member.slug, member.org_id, key)

    return run_atomic(work)
