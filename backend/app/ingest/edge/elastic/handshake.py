"""Templates, policies, pipelines, data streams and aliases: what was PUT is there for GET."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import orjson

from app.core.clock import Clock
from app.core.errors import NotFound, TooLarge
from app.core.scope import Scope
from app.ingest.edge.elastic.declared import Declared, DeclaredLimits, DeclaredNames, Kind
from app.ingest.edge.elastic.errors import elastic_answer
from app.ingest.edge.requests import Request
from app.ingest.edge.responses import Answer, MethodNotAllowed
from app.ingest.protocols.es_errors import ElasticRefused, invalid_argument

# Names that shippers use without declaring them first.
USUAL_NAMES = (
    "logs-*",
    "logstash*",
    "ecs-logstash*",
    "filebeat*",
    "fluent*",
    "vector*",
    "rsyslog*",
    "system*",
)
_PATTERNS = ("index_patterns", "template", "rollover_alias", "index.lifecycle.rollover_alias")
_MAX_ALIASES = 10
_DATE_MATHS = re.compile(r"\{now(?:/[a-zA-Z])?(?:\{([^{}]*)\})?\}")
_DATE_PARTS = (("yyyy", "%Y"), ("uuuu", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"))

Body = dict[str, Any]


class Section(NamedTuple):
    """A kind of names: where it is, and how Elasticsearch lists it."""

    kind: Kind
    path: tuple[str, ...]
    show: Callable[[Sequence[tuple[str, Body]]], Body]


def _by_name(found: Sequence[tuple[str, Body]]) -> Body:
    return dict(found)


def _policies(found: Sequence[tuple[str, Body]]) -> Body:
    return {
        name: {"version": 1, "modified_date": "2025-07-01T00:00:00.000Z", **body}
        for name, body in found
    }


def _index_templates(found: Sequence[tuple[str, Body]]) -> Body:
    return {"index_templates": [{"name": name, "index_template": body} for name, body in found]}


def _component_templates(found: Sequence[tuple[str, Body]]) -> Body:
    return {
        "component_templates": [{"name": name, "component_template": body} for name, body in found]
    }


def _data_streams(found: Sequence[tuple[str, Body]]) -> Body:
    return {
        "data_streams": [
            {
                "name": name,
                "timestamp_field": {"name": "@timestamp"},
                "indices": [],
                "generation": 1,
                "status": "GREEN",
                "template": name,
                "hidden": False,
                "system": False,
            }
            for name, _ in found
        ]
    }


SECTIONS = (
    Section(Kind.INDEX_TEMPLATE, ("_index_template",), _index_templates),
    Section(Kind.TEMPLATE, ("_template",), _by_name),
    Section(Kind.COMPONENT_TEMPLATE, ("_component_template",), _component_templates),
    Section(Kind.DATA_STREAM, ("_data_stream",), _data_streams),
    Section(Kind.ILM_POLICY, ("_ilm", "policy"), _policies),
    Section(Kind.PIPELINE, ("_ingest", "pipeline"), _by_name),
)


def section_of(names: Sequence[str]) -> Section | None:
    """The section that a path lies in."""
    for section in SECTIONS:
        depth = len(section.path)
        if tuple(names[:depth]) == section.path and len(names) <= depth + 1:
            return section
    return None


class Handshake:
    """Answers for names. Blocks in the store: call it in a thread."""

    def __init__(self, names: DeclaredNames, limits: DeclaredLimits, clock: Clock) -> None:
        self._names = names
        self._limits = limits
        self._clock = clock

    def answer(
        self, section: Section, request: Request, scope: Scope, names: Sequence[str], body: bytes
    ) -> Answer:
        """`GET|HEAD|PUT|POST|DELETE /_index_template/{name}` and its like."""
        name = names[-1] if len(names) > len(section.path) else ""
        match request.method:
            case "GET" | "HEAD":
                return self._show(section, request, scope, name)
            case "PUT" | "POST" if name:
                self._put(scope, section.kind, name, body)
                return elastic_answer(200, {"acknowledged": True}, request.headers)
            case "DELETE" if name:
                if not self._names.delete(scope, section.kind, name):
                    raise _missing(section.kind, name)
                return elastic_answer(200, {"acknowledged": True}, request.headers)
            case _:
                raise MethodNotAllowed(
                    f"Incorrect HTTP method for uri [{request.path}]",
                    headers={"Allow": "GET, HEAD, PUT, POST, DELETE" if name else "GET, HEAD"},
                )

    def _show(self, section: Section, request: Request, scope: Scope, wanted: str) -> Answer:
        known = self._names.names_of(scope, section.kind)
        patterns = [one for one in wanted.split(",") if one] or ["*"]
        found = [
            (one.name, orjson.loads(one.body))
            for one in known
            if any(_is_meant(pattern, one.name) for pattern in patterns)
        ]
        if not found and "*" not in wanted and wanted:
            raise _missing(section.kind, wanted)
        return elastic_answer(200, section.show(found), request.headers)

    def index(self, request: Request, scope: Scope, asked: str, body: bytes) -> Answer:
        """`HEAD|PUT /{index or alias}`."""
        name = self._resolved(asked)
        if request.method == "HEAD":
            if not self._is_known(scope, name):
                raise _missing(Kind.INDEX, name)
            return elastic_answer(200, {}, request.headers)
        settings = _read_object(body)
        if not self._is_expected(scope, name):
            raise NotFound(
                f"no template and no list names the index [{name[:255]}]",
                code="index_not_found_exception",
            )
        aliases = settings.get("aliases")
        for one in [name, *(aliases if isinstance(aliases, dict) else ())][: _MAX_ALIASES + 1]:
            self._put(scope, Kind.INDEX, one, b"")
        value = {"acknowledged": True, "shards_acknowledged": True, "index": name}
        return elastic_answer(200, value, request.headers)

    def alias(self, request: Request, scope: Scope, name: str) -> Answer:
        """`GET|HEAD /_alias/{name}`."""
        if not self._is_known(scope, name):
            raise _missing(Kind.INDEX, name)
        return elastic_answer(200, {name: {"aliases": {name: {}}}}, request.headers)

    def _is_known(self, scope: Scope, name: str) -> bool:
        return any(
            one.name == name
            for kind in (Kind.INDEX, Kind.DATA_STREAM)
            for one in self._names.names_of(scope, kind)
        )

    def _is_expected(self, scope: Scope, name: str) -> bool:
        if any(_is_meant(pattern, name) for pattern in USUAL_NAMES):
            return True
        return any(
            _is_meant(pattern, name)
            for kind in (Kind.INDEX_TEMPLATE, Kind.TEMPLATE)
            for one in self._names.names_of(scope, kind)
            for pattern in _patterns_in(orjson.loads(one.body))
        )

    def _put(self, scope: Scope, kind: Kind, name: str, body: bytes) -> None:
        if len(name.encode("utf-8", "replace")) > self._limits.name_bytes:
            raise invalid_argument(f"a name may have {self._limits.name_bytes} bytes")
        if len(body) > self._limits.body_bytes:
            raise TooLarge(f"a declaration may have {self._limits.body_bytes} bytes")
        text = orjson.dumps(_read_object(body)).decode()
        self._names.put(scope, kind, Declared(name, text))

    def _resolved(self, name: str) -> str:
        """An index name with its date maths done: `<logs-{now/d}-000001>`."""
        if not (name.startswith("<") and name.endswith(">")):
            return name
        today = datetime.fromtimestamp(self._clock.now_ns() // 1_000_000_000, UTC)
        return _DATE_MATHS.sub(lambda found: _date(today, found.group(1)), name[1:-1])


def _date(today: datetime, form: str | None) -> str:
    form = (form or "yyyy.MM.dd").partition("|")[0].replace("%", "")
    for letters, directive in _DATE_PARTS:
        form = form.replace(letters, directive)
    return today.strftime(form)


def _read_object(body: bytes) -> Body:
    if not body.strip():
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ElasticRefused("parse_exception", f"the body is not JSON: {error.msg}") from error
    if not isinstance(value, dict):
        raise ElasticRefused("parse_exception", "the body is not a JSON object")
    return value


def _is_meant(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, where only the star is special."""
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def _patterns_in(body: Body) -> Iterator[str]:
    """The names that a template is about: its patterns and its rollover alias, wherever it is."""
    waiting: list[Any] = [body]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, dict):
            continue
        for key, member in value.items():
            if key in _PATTERNS and isinstance(member, str):
                yield member
            elif key == "index_patterns" and isinstance(member, list):
                yield from (one for one in member if isinstance(one, str))
            else:
                waiting.append(member)


def _missing(kind: Kind, name: str) -> NotFound:
    words = kind.value.replace("_", " ")
    return NotFound(f"{words} matching [{name[:255]}] not found")
