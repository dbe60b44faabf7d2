"""What a web process serves, and where it keeps what it takes in."""

from __future__ import annotations

import pytest

from config.env import Env, SettingInvalid
from config.web_parts import journal_mode, web_parts


def test_a_web_process_serves_everything_unless_told_otherwise() -> None:
    assert web_parts(Env({})) == ("api", "intake")
    assert web_parts(Env({"WEB_PARTS": "intake"})) == ("intake",)
    assert web_parts(Env({"WEB_PARTS": "intake, api"})) == ("api", "intake")


@pytest.mark.parametrize("value", ["shipper", "api,shipper", ","])
def test_parts_that_there_are_not_are_refused(value: str) -> None:
    with pytest.raises(SettingInvalid, match="WEB_PARTS"):
        web_parts(Env({"WEB_PARTS": value}))


def test_an_embedded_store_needs_a_journal() -> None:
    assert journal_mode(Env({}), "embedded") == "local"
    assert journal_mode(Env({"JOURNAL_MODE": "through"}), "elastic") == "through"
    with pytest.raises(SettingInvalid, match=r"JOURNAL_MODE.*LOG_STORE=elastic"):
        journal_mode(Env({"JOURNAL_MODE": "through"}), "embedded")
