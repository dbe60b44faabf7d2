"""Limits in the settings."""

from __future__ import annotations

from app.core.errors import Invalid
from app.core.limits.rules import read_rate
from config.env import SettingInvalid


def rate_of(name: str, text: str) -> str:
    """The rate as it was written; `SettingInvalid` when nobody could read it."""
    try:
        read_rate(name, text)
    except Invalid as invalid:
        raise SettingInvalid(f"{name}: {invalid.detail}") from None
    return text
