"""The watch of this process, made at the first question."""

from __future__ import annotations

from functools import lru_cache

from app.health.checks import Watch
from app.health.parts import parts


@lru_cache(maxsize=1)
def watch() -> Watch:
    """One per process: it has threads."""
    return Watch(parts())
