"""What users' requests and answers look like. No logic: that is in the services."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers
from typing_extensions import override

from app.users import lengths
from app.users.roles import KEY_SCOPES, ROLE_PERMISSIONS

# Argon2 reads all of a password: a megabyte of it would be work for nothing.
_PASSWORD_LENGTH = 1024

_USERNAME = RegexValidator(
    r"^[\w.@+-]+\Z", "only letters, digits and '@', '.', '+', '-', '_' are allowed"
)


class Names(serializers.Serializer[Any]):
    """A person's names."""

    first_name = serializers.CharField(
        max_length=lengths.NAME, required=False, allow_blank=True, default=""
    )
    last_name = serializers.CharField(
        max_length=lengths.NAME, required=False, allow_blank=True, default=""
    )


class RegistrationIn(Names):
    """A new account."""

    username = serializers.CharField(max_length=lengths.USERNAME, validators=[_USERNAME])
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        max_length=_PASSWORD_LENGTH, trim_whitespace=False, write_only=True
    )
    password2 = serializers.CharField(
        max_length=_PASSWORD_LENGTH, trim_whitespace=False, write_only=True
    )
    organisation = serializers.CharField(
        max_length=lengths.NAME, required=False, allow_blank=True, default=""
    )

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _same_passwords(attrs, "password", "password2")


class OrganisationOut(serializers.Serializer[Any]):
    """An organisation as its member sees it."""

    id = serializers.UUIDField(source="org_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=list(ROLE_PERMISSIONS))


class PersonOut(serializers.Serializer[Any]):
    """A person."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.EmailField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()


class RegisteredOut(PersonOut):
    """A new account and the organisation that it owns."""

    organisation = OrganisationOut()


class ProfileOut(PersonOut):
    """A person as they see themselves."""

    created_at = serializers.DateTimeField()
    organisations = OrganisationOut(many=True)


class ProfileIn(serializers.Serializer[Any]):
    """What a person may change; what is not sent stays."""

    username = serializers.CharField(
        max_length=lengths.USERNAME, validators=[_USERNAME], required=False
    )
    email = serializers.EmailField(max_length=254, required=False)
    first_name = serializers.CharField(max_length=lengths.NAME, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=lengths.NAME, required=False, allow_blank=True)


class PasswordChangeIn(serializers.Serializer[Any]):
    """Another password."""

    old_password = serializers.CharField(max_length=_PASSWORD_LENGTH, trim_whitespace=False)
    new_password = serializers.CharField(max_length=_PASSWORD_LENGTH, trim_whitespace=False)
    new_password2 = serializers.CharField(max_length=_PASSWORD_LENGTH, trim_whitespace=False)

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _same_passwords(attrs, "new_password", "new_password2")


class LoginIn(serializers.Serializer[Any]):
    """A user name or an e-mail address, and the password."""

    username = serializers.CharField(max_length=254, required=False)
    email = serializers.CharField(max_length=254, required=False)
    password = serializers.CharField(max_length=_PASSWORD_LENGTH, trim_whitespace=False)

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "username" not in attrs and "email" not in attrs:
            raise serializers.ValidationError({"username": "a user name or an e-mail is needed"})
        return attrs


class RefreshIn(serializers.Serializer[Any]):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4096)


class TokenIn(serializers.Serializer[Any]):
    """A token of either kind."""

    token = serializers.CharField(max_length=4096)


class TokensOut(serializers.Serializer[Any]):
    """A session's tokens."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class ApiKeyIn(serializers.Serializer[Any]):
    """A new API key."""

    name = serializers.CharField(max_length=lengths.NAME)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(KEY_SCOPES)),
        allow_empty=False,
        max_length=len(KEY_SCOPES),
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ApiKeyOut(serializers.Serializer[Any]):
    """An API key without the key."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(KEY_SCOPES)))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class NewApiKeyOut(ApiKeyOut):
    """A new API key with the key, which is shown this once."""

    key = serializers.CharField()


def _same_passwords(attrs: dict[str, Any], first: str, second: str) -> dict[str, Any]:
    if attrs[first] != attrs[second]:
        raise serializers.ValidationError({second: "the two passwords are not the same"})
    return attrs
