"""What is said of a failure that nobody foresaw."""

from __future__ import annotations

import traceback
from pathlib import Path

UNEXPECTED = "unexpected_error"


def described(error: BaseException) -> str:
    """Its kind and the place in the code. Not its text, in which there may be what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
