"""What shippers declared when they connected: templates, policies, aliases, kept as they came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.core.scope import Scope


class Kind(StrEnum):
    """What was declared."""

    INDEX_TEMPLATE = "index_template"
    TEMPLATE = "template"
    COMPONENT_TEMPLATE = "component_template"
    DATA_STREAM = "data_stream"
    ILM_POLICY = "ilm_policy"
    PIPELINE = "pipeline"
    INDEX = "index"  # an index or an alias: nothing here depends on which


@dataclass(frozen=True, slots=True)
class Declared:
    """A name, and the JSON object that was sent for it, as text."""

    name: str
    body: str


@dataclass(frozen=True, slots=True)
class DeclaredLimits:
    """What one organisation may declare."""

    names: int = 500
    name_bytes: int = 255
    body_bytes: int = 256 * 1024
    total_bytes: int = 4 * 1024 * 1024


class DeclaredNames(Protocol):
    """Keeps what was declared, per organisation, also over a restart. Blocks: call it in a thread."""

    def put(self, scope: Scope, kind: Kind, one: Declared) -> None:
        """Keeps it in place of an earlier one; `OverLimit` when the organisation has too many."""

    def names_of(self, scope: Scope, kind: Kind) -> list[Declared]:
        """Everything of a kind, by name."""

    def delete(self, scope: Scope, kind: Kind, name: str) -> bool:
        """Forgets it; whether it was there."""
