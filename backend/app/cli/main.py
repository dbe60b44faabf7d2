"""`elkv`: sends logs and searches them from a terminal. Needs Python alone, and speaks HTTP only."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from app.cli.client import Client, CommandFailed
from app.cli.demo.sender import Demo

BATCH_BYTES = 1_000_000
PATIENCE_SECONDS = 60.0
DEFAULT_URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        client = Client(options.url)
        if options.key:
            client.authorization = f"ApiKey {options.key}"
        if options.command == "demo":
            Demo(client, say).run(options.state)
        elif options.command == "send":
            send(client, options.file, stream=options.stream, kind=options.kind)
        else:
            search(client, options)
        client.close()
    except (CommandFailed, OSError) as error:
        sys.stderr.write(f"elkv: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def send(client: Client, path: str, *, stream: str | None, kind: str) -> None:
    """Sends a file, or standard input, line by line in batches."""
    where = "/api/v1/logs/" + (f"?{urlencode({'stream': stream})}" if stream else "")
    sent = 0
    with ExitStack() as stack:
        file = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
        for batch in _batches(file):
            is_text = kind == "text" or (kind == "auto" and not batch.lstrip().startswith(b"{"))
            answer = client.persist(
                "POST",
                where,
                batch,
                content_type="text/plain" if is_text else "application/x-ndjson",
                patience_seconds=PATIENCE_SECONDS,
            )
            told = answer.expect(202).json()
            sent += told["accepted"]
            for error in told.get("errors", ()):
                sys.stderr.write(f"elkv: {error.get('outcome')}: {error.get('detail')}\n")
    say(f"{sent} records accepted")


def search(client: Client, options: argparse.Namespace) -> None:
    """Prints what matches, oldest first."""
    asked = {"q": options.query, "from": options.since, "page_size": str(options.limit)}
    told = client.request("GET", f"/api/v1/logs/search/?{urlencode(asked)}").expect(200).json()
    for hit in reversed(told["hits"]):
        level = (hit["level"] or "-").upper()
        say(f"{hit['@timestamp']} {level:5} {hit['service'] or '-'} {hit['message']}")
    sys.stderr.write(f"elkv: {told['total']['value']} found\n")


def say(sentence: str) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _batches(file: BinaryIO) -> Iterator[bytes]:
    while lines := file.readlines(BATCH_BYTES):
        yield b"".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("elkv", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("ELKV_URL", DEFAULT_URL))
    parser.add_argument("--key", default=os.environ.get("ELKV_KEY"), help="an API key (ELKV_KEY)")
    commands = parser.add_subparsers(dest="command", required=True)
    sending = commands.add_parser("send", help="send a file, or - for standard input")
    sending.add_argument("file")
    sending.add_argument("--stream")
    sending.add_argument("--kind", choices=("auto", "json", "text"), default="auto")
    searching = commands.add_parser("search", help="search the last minutes")
    searching.add_argument("query", nargs="?", default="")
    searching.add_argument("--since", default="now-15m", help="RFC 3339 or date maths")
    searching.add_argument("--limit", type=int, default=50)
    demo = commands.add_parser("demo", help="send the logs of a made-up shop until stopped")
    demo.add_argument("--state", type=Path, default=Path("demo.json"), help="keeps its account")
    return parser
