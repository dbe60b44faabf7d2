"""Events as they are written: one line each, with their fields, without anybody's secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from django.conf import settings

from app.core.request_context import RequestContext, answering
from app.telemetry.structured_logs import configure

SECRET = "swordfish"


FORMS = pytest.mark.parametrize("form", ["json", "console"])


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    configure(settings.LOGGING)


def write_as(form: str, *, app_level: str = "INFO", django_level: str = "INFO") -> None:
    """From now on logs go to what `capsys` reads, in this form."""
    levels = {"level": "INFO", "app_level": app_level, "django_level": django_level}
    configure({"format": form, **levels})


def fail(password: str) -> None:
    raise ZeroDivisionError("no")


@FORMS
def test_an_event_has_its_fields_and_the_requests_id(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_as(form)
    with answering(RequestContext("r-7")):
        structlog.get_logger("app.test").info("rule_evaluated", rule="a", took_ms=12)
    line = capsys.readouterr().out.strip()
    assert "\n" not in line
    if form == "json":
        event = json.loads(line)
        assert event.pop("timestamp").endswith("Z")
        assert event == {
            "event": "rule_evaluated",
            "rule": "a",
            "took_ms": 12,
            "level": "info",
            "logger": "app.test",
            "request_id": "r-7",
        }
    else:
        assert "rule_evaluated" in line
        assert "request_id=r-7" in line


@FORMS
def test_what_others_log_takes_the_same_form(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_as(form)
    logging.getLogger("somebody.else").warning("%d of %d", 1, 2, extra={"part": "x"})
    line = capsys.readouterr().out.strip()
    if form == "json":
        event = json.loads(line)
        assert (event["event"], event["level"], event["part"]) == ("1 of 2", "warning", "x")
    else:
        assert "1 of 2" in line


@FORMS
def test_a_stack_trace_does_not_show_what_variables_held(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_as(form)
    try:
        fail(SECRET)
    except ZeroDivisionError:
        structlog.get_logger("app.test").exception("it_failed")
    written = capsys.readouterr().out
    assert "ZeroDivisionError" in written
    assert "fail" in written
    assert SECRET not in written


def test_levels_hold_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    write_as("json", django_level="ERROR", app_level="DEBUG")
    structlog.get_logger("app.test").debug("seen")
    structlog.get_logger("elsewhere").debug("not_seen")
    logging.getLogger("django.server").warning("not_seen")
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["seen"]


def test_a_long_text_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    write_as("json")
    structlog.get_logger("app.test").info("it_was_long", text="x" * 100_000)
    written = capsys.readouterr().out
    assert len(written) < 10_000


def test_an_answer_is_told_once_and_what_was_raised_is_told_always(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_as("json")
    django = logging.getLogger("django.request")
    django.error("Service Unavailable: /health/", extra={"status_code": 503})
    assert capsys.readouterr().out == ""
    try:
        fail(SECRET)
    except ZeroDivisionError:
        django.exception("Internal Server Error: /")
    assert json.loads(capsys.readouterr().out)["exception"]
    logging.getLogger("elastic_transport.node_pool").warning("has failed for 3 times in a row")
    assert capsys.readouterr().out == ""
