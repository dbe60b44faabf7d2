"""`POST /api/v1/logs/`: records in any JSON form, or text lines."""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import partial

from app.core.errors import Invalid
from app.core.scope import Permission
from app.ingest.edge.auth import Authenticator
from app.ingest.edge.intake import Intake, Kept
from app.ingest.edge.requests import Request, content_length
from app.ingest.edge.responses import (
    Answer,
    LengthRequired,
    MethodNotAllowed,
    Receive,
    UnsupportedMedia,
    json_answer,
)
from app.ingest.protocols import ndjson
from app.ingest.protocols.ndjson import Form
from app.ingest.protocols.records import Outcome, Records

PATH = "/api/v1/logs/"
_MAX_ERRORS = 100
_STREAM_BYTES = 255

_FORMS = {
    "application/x-ndjson": Form.LINES,
    "application/ndjson": Form.LINES,
    "application/jsonl": Form.LINES,
    "application/x-jsonl": Form.LINES,
    "application/jsonlines": Form.LINES,
    "application/x-jsonlines": Form.LINES,
    "application/json-lines": Form.LINES,
    "application/stream+json": Form.LINES,
    "application/json-seq": Form.LINES,
    "application/json": Form.JSON,
    "text/json": Form.JSON,
    "text/plain": Form.TEXT,
    # What curl, fetch and many libraries send when nobody chose anything.
    "": Form.UNKNOWN,
    "application/x-www-form-urlencoded": Form.UNKNOWN,
    "application/octet-stream": Form.UNKNOWN,
}
_UTF8_NAMES = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_CHARSETS = frozenset(
    {"iso-8859-1", "latin1", "iso-8859-15", "windows-1252", "utf-16", "utf-16le", "utf-16be"}
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]*)""", re.IGNORECASE)


class NativeEndpoint:
    """Answers `POST /api/v1/logs/`."""

    def __init__(self, intake: Intake, authenticate: Authenticator) -> None:
        self._intake = intake
        self._authenticate = authenticate

    async def answer(self, request: Request, receive: Receive) -> Answer:
        """202 once everything that is not rejected is durable; raises the errors of the tree."""
        if request.method != "POST":
            raise MethodNotAllowed("only POST is possible here", headers={"Allow": "POST"})
        scope = await self._authenticate(request.headers)
        scope.require(Permission.INGEST)
        form, charset = read_content_type(request.headers.get("content-type", ""))
        if request.http_version == "1.0" and content_length(request.headers) is None:
            raise LengthRequired("say how long the body is")
        stream = asked_stream(request)
        waits = _asks_to_wait(request)
        with self._intake.share_of_memory(scope.org_id, request.network) as share:
            body = await self._intake.body(receive, request.headers, share)
            body = recode(body, charset)
            read = partial(ndjson.read, form=form, limits=self._intake.limits.body)
            records = await self._intake.parse(body, read)
            del body
            kept = await self._intake.keep(scope.org_id, records, protocol="ndjson", stream=stream)
        value = summary(records)
        if waits:
            del records
            value["indexed"] = await self._is_indexed(kept)
        return json_answer(202, value)

    async def _is_indexed(self, kept: Kept) -> bool:
        return kept.number is None or await self._intake.wait_until_indexed(kept.number)


def summary(records: Records) -> dict[str, object]:
    """What became of the records of a request."""
    rejected = sum(error.outcome is Outcome.REJECTED for error in records.errors)
    value: dict[str, object] = {
        "accepted": len(records.lines) - len(records.bad),
        "quarantined": len(records.bad),
        "rejected": rejected,
        "errors": [asdict(error) for error in records.errors[:_MAX_ERRORS]],
    }
    if len(records.errors) > _MAX_ERRORS:
        value["errors_omitted"] = len(records.errors) - _MAX_ERRORS
    return value


def asked_stream(request: Request) -> str:
    """The stream named in the query; empty when none is."""
    stream = request.parameters.get("stream", "")
    if len(stream.encode("utf-8", "replace")) > _STREAM_BYTES:
        raise Invalid(f"a stream's name may have {_STREAM_BYTES} bytes", code="invalid_stream")
    return stream


def _asks_to_wait(request: Request) -> bool:
    wanted = request.parameters.get("wait_for", "")
    if wanted not in ("", "indexed"):
        raise Invalid(f"'wait_for' knows 'indexed', not {wanted[:40]!r}", code="invalid_wait_for")
    return wanted == "indexed"


def read_content_type(header: str) -> tuple[Form, str]:
    """The form that a content type names, and its charset; empty means UTF-8."""
    name, _, parameters = header.partition(";")
    name = name.strip().lower()
    form = _FORMS.get(name)
    if form is None:
        raise UnsupportedMedia(
            f"the content type {name[:80]!r} is not taken here:"
            " use application/x-ndjson, application/json or text/plain"
        )
    found = _CHARSET.search(parameters)
    charset = found.group(1).lower() if found else ""
    if charset in _UTF8_NAMES:
        return form, ""
    if charset not in _CHARSETS:
        raise UnsupportedMedia(f"the charset {charset[:40]!r} is not known: use utf-8")
    return form, charset


def recode(body: bytes, charset: str) -> bytes:
    """The body as UTF-8."""
    if not charset:
        return body
    try:
        return body.decode(charset).encode()
    except UnicodeDecodeError as error:
        raise Invalid(
            f"the body is not {charset}: {error.reason}", code="invalid_charset"
        ) from error
