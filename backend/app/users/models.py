"""The models of users, private to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from typing_extensions import override

from app.core.clock import utc_now
from app.core.fields import UUIDModel
from app.core.tenancy import TenantManager, TenantModel
from app.users import lengths


class UserManager(BaseUserManager["User"]):
    """Makes accounts with the columns that uniqueness is about filled in."""

    def create_user(self, username: str, email: str, password: str, **extra: Any) -> User:
        user = self.model(
            username=username, login_name=username.lower(), email=email.lower(), **extra
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, email: str, password: str, **extra: Any) -> User:
        return self.create_user(username, email, password, is_superuser=True, **extra)


class User(UUIDModel, AbstractBaseUser):
    """A person who can sign in.

    `is_superuser` opens the admin and nothing else: what one may do in an organisation is said by
    memberships. There are no groups, because relations of many to many without a model of their
    own cannot be prefetched on every database.
    """

    username = models.CharField(max_length=lengths.USERNAME)
    login_name = models.CharField(max_length=lengths.USERNAME, unique=True, editable=False)
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=lengths.NAME, blank=True)
    last_name = models.CharField(max_length=lengths.NAME, blank=True)
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "login_name"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        ordering = ["login_name"]

    @override
    def __str__(self) -> str:
        return self.username

    @override
    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    @property
    def is_staff(self) -> bool:
        return self.is_superuser

    def has_perm(self, _permission: str, _on: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, _app: str) -> bool:
        return self.is_active and self.is_superuser


class Organisation(UUIDModel):
    """A tenant."""

    name = models.CharField(max_length=lengths.NAME)
    slug = models.SlugField(max_length=lengths.SLUG, unique=True)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    class Meta:
        ordering = ["slug"]

    @override
    def __str__(self) -> str:
        return self.slug


class Role(models.TextChoices):
    """What a member may do; see `permissions_of`."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"
    INGEST = "ingest"


class MembershipManager(TenantManager["Membership"]):
    """Memberships are also found by their user: that is how a scope comes to be."""

    def of_user(self, user_id: UUID) -> models.QuerySet[Membership]:
        """The memberships of one person, oldest first."""
        return (
            models.Manager.get_queryset(self)
            .filter(user_id=user_id)
            .prefetch_related("organisation")
            .order_by("id")
        )


class Membership(TenantModel):
    """A person in an organisation."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=utc_now, editable=False)

    objects: ClassVar[MembershipManager] = MembershipManager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="one_membership")
        ]
        indexes = [models.Index(fields=["user", "id"], name="memberships_of_user")]

    @override
    def __str__(self) -> str:
        return f"{self.user_id} in {self.organisation_id}"


class ApiKeyManager(TenantManager["ApiKey"]):
    """API keys are also found by their hash: the key is what says whose it is."""

    def by_hash(self, key_hash: str) -> models.QuerySet[ApiKey]:
        return models.Manager.get_queryset(self).filter(key_hash=key_hash)


class ApiKey(TenantModel):
    """A machine's way in. The key itself is not kept, only its SHA-256."""

    name = models.CharField(max_length=lengths.NAME)
    prefix = models.CharField(max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=utc_now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()

    class Meta(TenantModel.Meta):
        # One for each order that the list offers.
        indexes = [
            models.Index(fields=["organisation", "-created_at", "-id"], name="api_key_created"),
            models.Index(fields=["organisation", "name", "id"], name="api_key_name"),
            models.Index(fields=["organisation", "last_used_at", "id"], name="api_key_used"),
        ]

    @override
    def __str__(self) -> str:
        return self.prefix


class RefreshToken(UUIDModel):
    """An issued refresh token. Spending it is a compare-and-set on `is_revoked`."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    jti = models.CharField(max_length=64, unique=True)
    family = models.UUIDField()
    is_revoked = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["family", "id"], name="session_tokens"),
            models.Index(fields=["user", "is_revoked", "-id"], name="user_tokens_newest"),
        ]

    @override
    def __str__(self) -> str:
        return self.jti

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at <= now
