"""A quarantined line, as it came or repaired: can it be read now, and as what will it be sent?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from app.core.errors import Invalid, TooLarge

MAX_LINE_BYTES = 1024**2
MAX_ID_BYTES = 512

_SURROGATE = re.compile("[\ud800-\udfff]")
_NEWLINES = str.maketrans("\n\r", "  ")
# Numbers that JSON libraries refuse are kept as their text at intake: here they only have to pass.
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


@dataclass(frozen=True, slots=True)
class RepairedLine:
    """The line of one record; `own_id` is the id that its sender put into it, if it has one."""

    line: bytes
    own_id: str | None


def repaired_line(text: str) -> RepairedLine:
    """The line of a text that is one JSON object; `Invalid` says why it is not."""
    # Line breaks may stand between the tokens of JSON only, where a space means the same.
    flat = text.translate(_NEWLINES).strip()
    try:
        line = flat.encode()
        value = _parsed(line, flat)
    except json.JSONDecodeError as error:
        detail = f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1}"
        raise Invalid(f"the line is not JSON: {detail}", code="invalid_json") from error
    except UnicodeEncodeError as error:
        raise Invalid("the line has half a surrogate pair", code="invalid_utf8") from error
    except RecursionError as error:
        raise Invalid("the JSON is nested too deeply to be read", code="too_deep") from error
    if not isinstance(value, dict):
        raise Invalid("a record is a JSON object", code="not_an_object")
    if len(line) > MAX_LINE_BYTES:
        raise TooLarge(
            f"a record may have {MAX_LINE_BYTES} bytes, this one has {len(line)}",
            code="record_too_large",
        )
    return RepairedLine(line, _own_id(value))


def _parsed(line: bytes, text: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _LENIENT.decode(text)


def _own_id(value: dict[str, Any]) -> str | None:
    sent = value.get("id")
    if isinstance(sent, int) and not isinstance(sent, bool):
        sent = str(sent)
    if not isinstance(sent, str):
        return None
    # As intake reads it.
    sent = _SURROGATE.sub("\ufffd", sent)
    return sent if 1 <= len(sent.encode()) <= MAX_ID_BYTES else None
