"""Making organisations."""

from __future__ import annotations

import secrets
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.text import slugify

from app.core.ids import OrgId
from app.core.scope import system_scope
from app.users.models import Membership, Organisation, Role
from app.users.selectors import Member

_SLUG_LENGTH = 50


def found_organisation(*, name: str, owner_id: UUID, slug: str | None = None) -> Member:
    """A new organisation with its owner and all that belongs to it; call it in a transaction.

    The slug follows from the name. One that is taken gets an ending: that the name exists elsewhere
    is nobody's business.
    """
    organisation = Organisation.objects.create(name=name, slug=slug or _free_slug(name))
    scope = system_scope(OrgId(organisation.id), "registration")
    Membership.objects.create_for(scope, user_id=owner_id, role=Role.OWNER)
    # What other apps keep in every organisation, such as its default stream. They stand above this
    # one and so cannot be called by name: the settings name them.
    for path in settings.ORGANISATION_FOUNDERS:
        import_string(path)(scope)
    return Member(scope.org_id, organisation.slug, organisation.name, Role.OWNER.value)


def _free_slug(name: str) -> str:
    slug = slugify(name)[:_SLUG_LENGTH].strip("-_") or "organisation"
    if not Organisation.objects.filter(slug=slug).exists():
        return slug
    return f"{slug}-{secrets.token_hex(4)}"
