"""Logs as events with fields: JSON for machines, readable for people, one event a line either way."""

from __future__ import annotations

import logging.config
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from typing_extensions import override

from app.core.request_context import current_request

Event = MutableMapping[str, Any]

_MAX_TEXT = 8_192


def configure(options: Mapping[str, Any]) -> None:
    """Called by Django with `settings.LOGGING`: `format` (json or console), `level` of everything,
    `django_level` and `app_level`. Events go to standard output."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _add_request_id,
        _cut_long_texts,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard_library(options, shared))


def _standard_library(
    options: Mapping[str, Any], shared: list[structlog.types.Processor]
) -> dict[str, Any]:
    """What other people's code logs takes the same form as ours."""
    is_json = options["format"] == "json"
    # Without the values of local variables: passwords and keys are among them.
    tracebacks = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    readable = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    renderers: list[structlog.types.Processor] = (
        [tracebacks, structlog.processors.JSONRenderer(default=str)] if is_json else [readable]
    )
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "events": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [remove_meta, *renderers],
            }
        },
        "filters": {"exceptions": {"()": _Exceptions}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "events",
            }
        },
        "root": {"handlers": ["stdout"], "level": options["level"]},
        "loggers": {
            "django": {"level": options["django_level"]},
            # It repeats each answer of 4xx and 5xx; our own event has more. What failed is its to say.
            "django.request": {"level": "ERROR", "filters": ["exceptions"]},
            # It tells of every request, and warns at every try while a store is away; whoever tries has
            # one event for each pause.
            "elastic_transport": {"level": "ERROR"},
            "app": {"level": options["app_level"]},
            "config": {"level": options["app_level"]},
        },
    }


class _Exceptions(logging.Filter):
    """Lets pass what was raised."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


def _add_request_id(_logger: Any, _method: str, event: Event) -> Event:
    request_id = current_request().request_id
    if request_id and "request_id" not in event:
        event["request_id"] = request_id
    return event


def _cut_long_texts(_logger: Any, _method: str, event: Event) -> Event:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            event[name] = value[:_MAX_TEXT] + "…"
    return event
