"""Logs of real systems, as Loghub publishes them, in the shapes in which they are sent.

Jieming Zhu, Shilin He, Pinjia He, Jinyang Liu, Michael R. Lyu: "Loghub: A Large Collection of
System Log Datasets for AI-driven Log Analytics", ISSRE 2023.
"""

from __future__ import annotations

import csv
from typing import Any

from tests.conformance.loghub_truth import SETS, Line, loghub_directory


def texts_by_set(lines: list[Line]) -> dict[str, list[bytes]]:
    """The raw lines of each set."""
    return {name: [line.text.encode() for line in lines if line.source == name] for name in SETS}


def rows_as_records(lines: list[Line]) -> list[dict[str, Any]]:
    """What a parsing shipper would send: the line, and the columns of its table beside it."""
    rows = []
    for name in SETS:
        with (loghub_directory() / f"{name}.csv").open(encoding="ascii", newline="") as table:
            rows += list(csv.DictReader(table))
    return [{**line.as_record(), "csv": row} for line, row in zip(lines, rows, strict=True)]
