"""Which attribute paths tantivy's JSON field can hold; all others live in `rest` alone."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_@][A-Za-z0-9_@/-]*(?:\.[A-Za-z0-9_@][A-Za-z0-9_@/-]*)*")
MAX_PATH_CHARACTERS = 200


def is_plain(path: str) -> bool:
    """Whether the path may be mapped: no empty key, nothing that needs escaping anywhere."""
    return len(path) <= MAX_PATH_CHARACTERS and _PLAIN.fullmatch(path) is not None


def json_field(path: str) -> str:
    """The path as tantivy's queries and aggregations name it."""
    return f"attributes.{path}"


def term_path(path: str) -> str:
    """The path as it stands in front of a JSON field's terms."""
    return path.replace(".", "\x01")
