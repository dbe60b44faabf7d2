"""Signing in to the admin, under the same limit as everywhere."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from typing_extensions import override

from app.core.errors import OverLimit
from app.users.login_throttle import begin_attempt, forget_failures
from app.users.models import User


class AccountBackend(ModelBackend):
    """Names in any case; after too many wrong passwords even the right one is refused a while."""

    @override
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_others: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        name = username.lower()
        user_id = User.objects.filter(login_name=name).values_list("pk", flat=True).first()
        account = name if user_id is None else str(user_id)
        try:
            begin_attempt(account)
        except OverLimit as refused:
            raise PermissionDenied from refused
        found = super().authenticate(request, username=name, password=password)
        if not isinstance(found, User):
            return None
        forget_failures(account)
        return found
