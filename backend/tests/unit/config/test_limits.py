"""Limits in the settings."""

from __future__ import annotations

import pytest

from config.env import SettingInvalid
from config.limits import rate_of


def test_a_rate_is_read_when_the_service_starts_not_when_somebody_comes() -> None:
    assert rate_of("REGISTRATION_RATE", "20/hour") == "20/hour"
    with pytest.raises(SettingInvalid, match="REGISTRATION_RATE: 'often' is not a rate"):
        rate_of("REGISTRATION_RATE", "often")
