"""At most so many wrong passwords a minute of an account and of an address, and of an address so many
registrations and renewals.

An attempt is counted before the password is looked at: so that of many at once no more get through
than of many one after the other. The right one ends the count of its account, and its address gets
back that attempt alone: else whoever has an account guesses others' between two sign-ins of their
own. Right ones cost an address nothing, since behind it may be a whole company. While the count cannot be kept, nobody gets in (`Unavailable`): else whoever silences Redis may guess
as long as they like.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

from django.conf import settings

from app.core.addresses import network_of
from app.core.errors import Unavailable
from app.core.limits.process import limiter
from app.core.limits.rules import Charge, Flow, Rate, over, read_rate
from app.core.request_context import current_request

_WINDOW_SECONDS = 60.0


def begin_attempt(account: str) -> None:
    """Raises `OverLimit` when the account has had its failures of this minute, or the address that
    asks."""
    refusal = limiter().take(Charge(_failures(), _subject(account)), *_of_address())
    if refusal is None:
        return
    if isinstance(refusal.limit, Rate):
        raise over(refusal, "too many failed attempts to sign in")
    raise over(refusal, "too many failed attempts to sign in from this address")


def forget_failures(account: str) -> None:
    """The password was right."""
    # Somebody who knows it is not sent away because of a count that ends by itself in a minute.
    with suppress(Unavailable):
        limiter().forget(_failures(), _subject(account))
        limiter().give_back(*_of_address())


def check_registration(address: str) -> None:
    """Raises `OverLimit` when there were too many registrations from this address."""
    rate = read_rate("registration_throttled", settings.REGISTRATION_RATE)
    refusal = limiter().take(Charge(rate, network_of(address)))
    if refusal is not None:
        raise over(refusal, f"more than {settings.REGISTRATION_RATE} registrations from an address")


def check_renewal(address: str) -> None:
    """Raises `OverLimit` when sessions were renewed too often from this address."""
    rate = read_rate("renewal_throttled", settings.REFRESH_RATE)
    # Nobody can guess a token: while the count cannot be kept, whoever is signed in stays so.
    with suppress(Unavailable):
        refusal = limiter().take(Charge(rate, network_of(address)))
        if refusal is not None:
            raise over(refusal, f"more than {settings.REFRESH_RATE} renewals from an address")


def _failures() -> Rate:
    return Rate("sign_in_throttled", settings.LOGIN_FAILURES_PER_MINUTE, _WINDOW_SECONDS)


def _of_address() -> list[Charge]:
    address = current_request().address
    most = settings.LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS
    limit = Flow("sign_in_address_throttled", most / _WINDOW_SECONDS, most)
    return [Charge(limit, network_of(address))] if address else []


def _subject(account: str) -> str:
    # What people type into this field is at times their password.
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()
