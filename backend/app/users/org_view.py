"""The bases of REST views that know their caller."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from typing_extensions import override

from app.core.endpoints import Endpoint
from app.core.scope import Permission
from app.users.authentication import Credentials, require_person, require_scope

ORGANISATION_HEADER = "X-Organisation"


class OrgView(Endpoint):
    """A view inside an organisation. Its methods get the scope:
    `def get(self, request: Request, scope: Scope) -> Response`.

    `permission` is needed for every method; where changing needs another one, it is
    `change_permission`. A class that leaves `permission` out is found by a test.
    """

    authentication_classes = [Credentials]
    permission: ClassVar[Permission]
    change_permission: ClassVar[Permission | None] = None

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        needed = self.permission
        if self.change_permission is not None and request.method not in SAFE_METHODS:
            needed = self.change_permission
        organisation = request.headers.get(ORGANISATION_HEADER, "")
        # `dispatch` passes these on to the method.
        self.kwargs["scope"] = require_scope(request.user, organisation, needed)


class PersonView(Endpoint):
    """A view of a person's own things. Its methods get the caller:
    `def get(self, request: Request, caller: PersonCaller) -> Response`."""

    authentication_classes = [Credentials]

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.kwargs["caller"] = require_person(request.user)
