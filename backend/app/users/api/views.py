"""Accounts, sessions and keys over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from app.core.clock import utc_now
from app.core.endpoints import PublicEndpoint, Stability, created, done
from app.core.errors import Unauthenticated
from app.core.pagination import list_response, read_list_request
from app.core.request_context import current_request
from app.core.scope import Permission, Scope
from app.users.api import serializers
from app.users.api.documentation import LIST_PARAMETERS, paged
from app.users.authentication import PersonCaller, forget_callers, identify
from app.users.credentials import TokenShown, find_credential
from app.users.login_throttle import check_registration, check_renewal
from app.users.org_view import OrgView, PersonView
from app.users.selectors import (
    ApiKeyFacts,
    get_api_key,
    get_profile,
    list_api_keys,
)
from app.users.services import (
    ApiKeyDraft,
    Registration,
    change_password,
    create_api_key,
    delete_api_key,
    register,
    update_profile,
)
from app.users.sessions import end_session, renew, session_of, sign_in
from app.users.tokens import public_jwks, read_access


class Register(PublicEndpoint):
    """Makes an account, which can sign in at once, and the organisation that it owns."""

    stability = Stability.STABLE

    @extend_schema(
        request=serializers.RegistrationIn, responses={201: serializers.RegisteredOut}, auth=[]
    )
    def post(self, request: Request) -> Response:
        sent = _read(serializers.RegistrationIn, request)
        # What is not even a registration is told what is wrong with it, however often.
        check_registration(current_request().address)
        sent.pop("password2")
        profile, organisation = register(Registration(**sent))
        answer = {**asdict(profile), "organisation": organisation}
        return created(serializers.RegisteredOut(answer).data)


class Login(PublicEndpoint):
    """Starts a session."""

    stability = Stability.STABLE

    @extend_schema(request=serializers.LoginIn, responses=serializers.TokensOut, auth=[])
    def post(self, request: Request) -> Response:
        sent = _read(serializers.LoginIn, request)
        name = sent.get("username") or sent["email"]
        pair = sign_in(name=name, password=sent["password"], now=utc_now())
        return Response(asdict(pair))


class Refresh(PublicEndpoint):
    """Spends a refresh token for the next pair."""

    stability = Stability.STABLE

    @extend_schema(request=serializers.RefreshIn, responses=serializers.TokensOut, auth=[])
    def post(self, request: Request) -> Response:
        check_renewal(current_request().address)
        sent = _read(serializers.RefreshIn, request)
        try:
            pair = renew(refresh=sent["refresh"], now=utc_now())
        except Unauthenticated:
            # A token that was spent twice ended its session.
            forget_callers()
            raise
        return Response(asdict(pair))


class Logout(PublicEndpoint):
    """Ends the session of the refresh token that is sent, or of the access token in the header."""

    stability = Stability.STABLE

    @extend_schema(request=serializers.RefreshIn, responses={204: None})
    def post(self, request: Request) -> Response:
        end_session(session_of(_token_to_end(request)))
        forget_callers()
        return done()


class Verify(PublicEndpoint):
    """Says whether an access token is good: signed by us, not expired, its session not ended."""

    stability = Stability.STABLE

    @extend_schema(request=serializers.TokenIn, responses={200: OpenApiTypes.OBJECT}, auth=[])
    def post(self, request: Request) -> Response:
        token = _read(serializers.TokenIn, request)["token"]
        read_access(token)
        identify(TokenShown(token), utc_now())
        return Response({})


class ProfileView(PersonView):
    """The caller's own account."""

    stability = Stability.STABLE

    @extend_schema(responses=serializers.ProfileOut)
    def get(self, request: Request, caller: PersonCaller) -> Response:
        profile = get_profile(caller.person.user_id)
        return Response(serializers.ProfileOut(profile).data)

    @extend_schema(request=serializers.ProfileIn, responses=serializers.ProfileOut)
    def put(self, request: Request, caller: PersonCaller) -> Response:
        changes = _read(serializers.ProfileIn, request)
        profile = update_profile(caller.person.user_id, changes=changes)
        return Response(serializers.ProfileOut(profile).data)

    @extend_schema(request=serializers.ProfileIn, responses=serializers.ProfileOut)
    def patch(self, request: Request, caller: PersonCaller) -> Response:
        return self.put(request, caller)


class ChangePassword(PersonView):
    """Sets another password and ends all other sessions."""

    stability = Stability.STABLE

    @extend_schema(request=serializers.PasswordChangeIn, responses={204: None})
    def post(self, request: Request, caller: PersonCaller) -> Response:
        sent = _read(serializers.PasswordChangeIn, request)
        change_password(
            caller.person.user_id,
            session=caller.session,
            old=sent["old_password"],
            new=sent["new_password"],
        )
        forget_callers()
        return done()


class ApiKeys(OrgView):
    """The organisation's API keys."""

    stability = Stability.STABLE
    permission = Permission.ADMIN

    @extend_schema(responses=paged(serializers.ApiKeyOut), parameters=LIST_PARAMETERS)
    def get(self, request: Request, scope: Scope) -> Response:
        asked = read_list_request(request)
        return list_response(request, asked, list_api_keys(scope, asked), _show_key)

    @extend_schema(request=serializers.ApiKeyIn, responses={201: serializers.NewApiKeyOut})
    def post(self, request: Request, scope: Scope) -> Response:
        sent = _read(serializers.ApiKeyIn, request)
        scopes = tuple(dict.fromkeys(sent.pop("scopes")))
        facts, key = create_api_key(scope, draft=ApiKeyDraft(scopes=scopes, **sent))
        forget_callers()
        return created({**_show_key(facts), "key": key})


class ApiKeyView(OrgView):
    """One API key."""

    stability = Stability.STABLE
    permission = Permission.ADMIN

    @extend_schema(responses=serializers.ApiKeyOut)
    def get(self, request: Request, scope: Scope, key_id: UUID) -> Response:
        return Response(_show_key(get_api_key(scope, key_id)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, scope: Scope, key_id: UUID) -> Response:
        delete_api_key(scope, key_id=key_id)
        forget_callers()
        return done()


class Jwks(PublicEndpoint):
    """The public key that access tokens are signed with (RFC 7517)."""

    stability = Stability.STABLE

    @extend_schema(responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, request: Request) -> Response:
        return Response(public_jwks(), headers={"Cache-Control": "public, max-age=300"})


def _read(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    sent = serializer(data=request.data)
    sent.is_valid(raise_exception=True)
    return dict(sent.validated_data)


def _token_to_end(request: Request) -> str:
    if isinstance(request.data, dict) and "refresh" not in request.data:
        shown = find_credential(request.headers)
        if isinstance(shown, TokenShown):
            return shown.token
    return str(_read(serializers.RefreshIn, request)["refresh"])


def _show_key(facts: ApiKeyFacts) -> dict[str, Any]:
    return dict(serializers.ApiKeyOut(facts).data)
