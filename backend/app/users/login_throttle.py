"""At most so many wrong passwords a minute and account, and of an address so many attempts to sign
in, registrations and renewals.

An attempt is counted before the password is looked at, and the right one ends the count of its
account: so that of many at once no more get through than of many one after the other. The count of
an address goes on: else whoever has an account guesses others' between two sign-ins of their own.
While the count cannot be kept, nobody gets in (`Unavailable`): else whoever silences Redis may guess
as long as they like.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

from django.conf import settings

from app.core.addresses import network_of
from app.core.errors import Unavailable
from app.core.limits.process import limiter
from app.core.limits.rules import Charge, Rate, over, read_rate
from app.core.request_context import current_request

_WINDOW_SECONDS = 60.0


def begin_attempt(account: str) -> None:
    """Raises `OverLimit` when the account has had its failures of this minute, or the address that
    asks its attempts."""
    charges = [Charge(_failures(), _subject(account))]
    address = current_request().address
    if address:
        rate = read_rate("sign_in_address_throttled", settings.LOGIN_RATE)
        charges.append(Charge(rate, network_of(address)))
    refusal = limiter().take(*charges)
    if refusal is None:
        return
    if refusal.limit == charges[0].limit:
        raise over(refusal, "too many failed attempts to sign in")
    raise over(refusal, f"more than {settings.LOGIN_RATE} attempts to sign in from an address")


def forget_failures(account: str) -> None:
    """The right password ends the count."""
    # Somebody who knows it is not sent away because of a count that ends by itself in a minute.
    with suppress(Unavailable):
        limiter().forget(_failures(), _subject(account))


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


def _subject(account: str) -> str:
    # What people type into this field is at times their password.
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()
