"""Measured figures beside the marks that they should reach, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

ACCEPTED_PER_SECOND = 150_000
FINDABLE_PER_SECOND = 45_000
BYTES_PER_RECORD = 260
ANONYMOUS_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `mark` and `is_met` are `None` where there is no mark."""

    name: str
    value: float
    unit: str
    mark: str | None = None
    is_met: bool | None = None
    note: str = ""


@dataclass(slots=True)
class Report:
    """All figures of a run, in order."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        self.figures.append(Figure(name, value, unit, note=note))

    def at_least(self, name: str, value: float, unit: str, mark: float, note: str = "") -> None:
        self.figures.append(Figure(name, value, unit, f"≥ {mark:,g}", value >= mark, note))

    def at_most(self, name: str, value: float, unit: str, mark: float, note: str = "") -> None:
        self.figures.append(Figure(name, value, unit, f"≤ {mark:,g}", value <= mark, note))

    @property
    def missed(self) -> list[str]:
        return [figure.name for figure in self.figures if figure.is_met is False]

    def table(self) -> str:
        """Aligned text, a line a figure."""
        width = max(len(figure.name) for figure in self.figures)
        return "\n".join(_row(figure, width) for figure in self.figures)

    def write(self, path: Path, about: dict[str, Any]) -> None:
        figures = [asdict(figure) for figure in self.figures]
        path.write_bytes(
            orjson.dumps({**about, "figures": figures}, option=orjson.OPT_INDENT_2) + b"\n"
        )


def _row(figure: Figure, width: int) -> str:
    verdict = {None: "", True: "pass", False: "MISS"}[figure.is_met]
    digits = 0 if figure.value >= 1000 else 2
    value = f"{figure.value:,.{digits}f}"
    mark = figure.mark or ""
    return f"{figure.name:<{width}} {value:>12} {figure.unit:<10} {mark:>11} {verdict:<4} {figure.note}".rstrip()
