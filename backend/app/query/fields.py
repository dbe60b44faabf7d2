"""The built-in fields of a record and the names that mean them (api.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How a field's values are stored and compared."""

    TEXT = "text"  # `message`: tokens
    KEYWORD = "keyword"  # one string or nothing
    LEVEL = "level"  # one of LEVELS or nothing, ordered by severity
    NUMBER = "number"  # one integer or nothing
    TIME = "time"  # nanoseconds since 1970, always there
    ATTRIBUTE = "attribute"  # any number of strings, numbers and booleans


@dataclass(frozen=True, slots=True)
class Field:
    """A resolved field: a built-in's canonical name, or an attribute's dotted path."""

    name: str
    kind: Kind

    @property
    def is_attribute(self) -> bool:
        return self.kind is Kind.ATTRIBUTE


MESSAGE = Field("message", Kind.TEXT)
LEVEL = Field("level", Kind.LEVEL)
LEVEL_NUMBER = Field("level_number", Kind.NUMBER)
SERVICE = Field("service", Kind.KEYWORD)
HOST = Field("host", Kind.KEYWORD)
ENVIRONMENT = Field("environment", Kind.KEYWORD)
LOGGER = Field("logger", Kind.KEYWORD)
TRACE_ID = Field("trace_id", Kind.KEYWORD)
SPAN_ID = Field("span_id", Kind.KEYWORD)
STREAM = Field("stream", Kind.KEYWORD)
ID = Field("id", Kind.KEYWORD)
TIMESTAMP = Field("@timestamp", Kind.TIME)
OBSERVED_AT = Field("observed_at", Kind.TIME)

BUILT_IN: dict[str, Field] = {
    field.name: field
    for field in (
        TIMESTAMP,
        OBSERVED_AT,
        MESSAGE,
        LEVEL,
        LEVEL_NUMBER,
        SERVICE,
        HOST,
        ENVIRONMENT,
        LOGGER,
        TRACE_ID,
        SPAN_ID,
        STREAM,
        ID,
    )
}

# Where a record's built-in field is taken from, first match wins; all are aliases in queries too.
SOURCES: dict[str, tuple[str, ...]] = {
    "@timestamp": ("@timestamp", "timestamp", "time", "ts", "date"),
    "message": ("message", "msg", "short_message", "body", "log", "MESSAGE"),
    "level": (
        "level",
        "log.level",
        "severity",
        "severity_text",
        "severity_number",
        "loglevel",
        "levelname",
    ),
    "service": (
        "service",
        "service.name",
        "service_name",
        "app",
        "application",
        "appname",
        "k8s.container.name",
    ),
    "host": ("host", "host.name", "hostname", "k8s.node.name"),
    "environment": (
        "environment",
        "env",
        "deployment.environment",
        "deployment.environment.name",
        "service.environment",
    ),
    "logger": ("logger", "log.logger", "logger_name", "otel.scope.name"),
    "trace_id": ("trace_id", "traceId", "trace.id"),
    "span_id": ("span_id", "spanId", "span.id"),
}

ALIASES: dict[str, Field] = {
    **BUILT_IN,
    **{alias: BUILT_IN[name] for name, aliases in SOURCES.items() for alias in aliases},
}

ATTRIBUTE_PREFIX = "attributes."


def field_named(name: str) -> Field:
    """The field that a name in a query means; every name means one (architecture.md, "Names")."""
    if name.startswith(ATTRIBUTE_PREFIX):
        return Field(name.removeprefix(ATTRIBUTE_PREFIX), Kind.ATTRIBUTE)
    return ALIASES.get(name) or Field(name, Kind.ATTRIBUTE)
