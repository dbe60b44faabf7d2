"""Watches the commands that reach MongoDB, and asks it how it would carry each one out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.database import Database
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)
from typing_extensions import override

WATCHED = {"aggregate", "find", "update", "delete", "count", "distinct", "findAndModify"}
# What belongs to the session and the transport, not to the question.
_ENVELOPE = {"lsid", "txnNumber", "autocommit", "startTransaction", "readConcern", "writeConcern"}
_PARTS = {"update": "updates", "delete": "deletes"}


class Recorder(CommandListener):
    """Keeps the first command of each shape that was sent while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self._known: set[str] = set()
        self._new: list[dict[str, Any]] = []

    @override
    def started(self, event: CommandStartedEvent) -> None:
        if not self.is_on or event.command_name not in WATCHED:
            return
        for command in _single(event.command_name, event.command):
            shape = repr(_shape_of(command))
            if shape not in self._known:
                self._known.add(shape)
                self._new.append(command)

    @override
    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Only what was asked matters."""

    @override
    def failed(self, event: CommandFailedEvent) -> None:
        """Only what was asked matters."""

    def take(self) -> list[dict[str, Any]]:
        """The commands of shapes not seen before."""
        taken, self._new = self._new, []
        return taken


def faults_of(database: Database[Any], command: Mapping[str, Any]) -> set[str]:
    """What is wrong with the plan: a collection or a whole index read from end to end although
    something was asked of it, rows sorted in memory, a join before anything is left out.

    What has no condition is about the whole collection on purpose, and no index can help there.
    """
    plan = database.command("explain", dict(command), verbosity="queryPlanner")
    is_filtered = _is_filtered(command)
    return set(_faults(plan, is_filtered=is_filtered))


def stages_of(database: Database[Any], command: Mapping[str, Any]) -> set[str]:
    """The names of the plan's stages."""
    plan = database.command("explain", dict(command), verbosity="queryPlanner")
    return {name for name, _ in _stages(plan)}


def _is_filtered(command: Mapping[str, Any]) -> bool:
    if "pipeline" in command:
        return any("$match" in stage for stage in command["pipeline"])
    asked = [command, *command.get("updates", ()), *command.get("deletes", ())]
    return any(part.get(name) for part in asked for name in ("q", "query", "filter"))


def _faults(plan: Any, *, is_filtered: bool) -> Iterator[str]:
    for name, stage in _stages(plan):
        if name in {"SORT", "$sort"} or (name == "COLLSCAN" and is_filtered):
            yield name
        if name == "IXSCAN" and is_filtered:
            first = next(iter(stage.get("indexBounds", {}).values()), [])
            if first in (["[MinKey, MaxKey]"], ["[MaxKey, MinKey]"]):
                yield f"all of {stage.get('indexName')}"


def _stages(plan: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(plan, list):
        for part in plan:
            yield from _stages(part)
    elif isinstance(plan, dict):
        for name, part in plan.items():
            if name in {"rejectedPlans", "command", "parsedQuery", "serverInfo"}:
                continue
            if name == "stage":
                yield part, plan
            elif name.startswith("$"):
                yield name, plan
            yield from _stages(part)


def _single(name: str, command: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    bare = {
        key: value
        for key, value in command.items()
        if key not in _ENVELOPE and not key.startswith("$")
    }
    part = _PARTS.get(name)
    if part is None:
        yield bare
        return
    for one in bare[part]:
        yield {name: bare[name], part: [dict(one)]}


def _shape_of(value: Any) -> Any:
    """The command without the values that differ from one request to the next."""
    if isinstance(value, Mapping):
        return {key: _shape_of(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return sorted({repr(_shape_of(inner)) for inner in value})
    # Names of collections and paths are texts too; ids are the only long ones.
    if isinstance(value, str) and len(value) < 32:
        return value
    return type(value).__name__
