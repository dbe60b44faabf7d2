"""The pages of users in the admin: for the installation's administrators, mostly to look."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

from app.core.admin_pages import ModelPages, ReadOnlyPages
from app.users.models import ApiKey, Membership, Organisation, User

admin.site.site_header = admin.site.site_title = "ELK Vision"
# What one may do is said by memberships.
admin.site.unregister(Group)


@admin.register(User)
class UserPages(ModelPages):
    """People; passwords are set by themselves or by `manage.py changepassword`."""

    list_display = ("username", "email", "is_active", "is_superuser", "created_at")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("login_name", "email")
    fields = (
        ("username", "email"),
        ("first_name", "last_name"),
        ("is_active", "is_superuser"),
        ("last_login", "created_at"),
    )
    readonly_fields = ("username", "last_login", "created_at")


@admin.register(Organisation)
class OrganisationPages(ModelPages):
    """Organisations; they come into being by registration."""

    fields = ("slug", "name", "created_at")
    # People and machines name the organisation by its slug.
    readonly_fields = ("slug", "created_at")
    list_display = ("slug", "name", "created_at")
    search_fields = ("slug", "name")


@admin.register(Membership)
class MembershipPages(ReadOnlyPages):
    """Who belongs where."""

    list_display = ("user", "organisation", "role", "created_at")
    list_filter = ("role",)
    search_fields = ("user__login_name", "organisation__slug")


@admin.register(ApiKey)
class ApiKeyPages(ReadOnlyPages):
    """API keys, without their hashes."""

    list_display = ("prefix", "name", "organisation", "expires_at", "last_used_at")
    search_fields = ("prefix", "name")
    exclude = ("key_hash",)
