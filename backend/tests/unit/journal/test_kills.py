"""A process that is killed while it appends loses nothing that it had acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.journal.journal import Journal

MAX_BYTES = 256 << 20
WRITER = """
import sys
from pathlib import Path
from app.journal.journal import Journal

name, start = sys.argv[2], int(sys.argv[3])
journal = Journal(Path(sys.argv[1]), max_bytes=256 << 20)
for number in range(start, start + 100_000):
    line = f"{name} {number} ".encode()
    journal.append([line, line * (number * 37 % 5000 + 1)])
    print(number, flush=True)
"""


def start_writer(directory: Path, name: str, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(directory), name, str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def acknowledged_until_killed(writer: subprocess.Popen[str], seconds: float) -> list[int]:
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read()
    writer.wait()
    writer.stdout.close()
    lines = (first + rest).split("\n")
    return [int(line) for line in lines[:-1]]


def test_every_acknowledged_entry_survives_kills_in_order(tmp_path: Path) -> None:
    waits = iter((0.05, 0.15, 0.02, 0.11, 0.08, 0.13))
    acknowledged: dict[str, list[int]] = {"one": [], "two": []}
    for round_ in range(3):
        first = round_ * 1_000_000
        writers = {name: start_writer(tmp_path, name, first) for name in acknowledged}
        for name, writer in writers.items():
            acknowledged[name] += acknowledged_until_killed(writer, next(waits))

    journal = Journal(tmp_path, max_bytes=MAX_BYTES)
    entries = journal.read(0, max_bytes=MAX_BYTES * 8)
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    state = journal.state()
    assert (state.entries, state.damaged) == (len(entries), 0)
    for name, numbers in acknowledged.items():
        mine = [entry.payload for entry in entries if entry.payload.startswith(name.encode())]
        # Both payloads of an append are there or none, next to each other.
        assert all(
            second.startswith(one) for one, second in zip(mine[::2], mine[1::2], strict=True)
        )
        kept = [int(payload.split()[1]) for payload in mine[::2]]
        assert kept == sorted(set(kept))
        assert set(numbers) <= set(kept)
        assert len(numbers) >= 3
    assert journal.append([b"after"]) == len(entries) + 1
    journal.close()


def test_a_disk_without_room_is_full_and_the_journal_goes_on(tmp_path: Path) -> None:
    program = """
import os, resource, sys
from pathlib import Path
from app.core.errors import Full
from app.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), max_bytes=64 << 20)
journal.append([b"before"])
size = (Path(sys.argv[1]) / "data.mdb").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + (1 << 20), resource.RLIM_INFINITY))
try:
    journal.append([os.urandom(4 << 20)])
except Full as error:
    print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(journal.append([b"after"]))
print([entry.payload for entry in journal.read(0, max_bytes=100)])
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=True, env={**os.environ}
    )
    assert done.stdout.splitlines()[-3:] == ["journal_full", "2", "[b'before', b'after']"]


def test_a_disk_without_room_lets_nothing_be_trimmed_until_it_has_some(tmp_path: Path) -> None:
    program = """
import os, resource, sys
from pathlib import Path
from app.core.errors import Unavailable
from app.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), max_bytes=64 << 20)
journal.append([b"%d" % number * 1000 for number in range(600)])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for work in (
    lambda: journal.trim(600),
    lambda: journal.mark_shipped(600),
    lambda: journal.set_aside(1, "odd"),
):
    try:
        print("=", work())
    except Unavailable as error:
        print("=", error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print("=", journal.state().entries)
journal.set_aside(1, "odd")
journal.trim(600)
print("=", journal.state().entries, journal.state().shipped_number, journal.damaged_numbers())
"""
    assert _said_by(program, tmp_path) == ["journal_full"] * 3 + ["600", "0 600 [1]"]


def test_a_journal_that_could_not_be_opened_again_at_once_is_opened_later(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from app.core.errors import Unavailable
from app.journal.journal import Journal

directory = Path(sys.argv[1])
journal = Journal(directory, max_bytes=64 << 20)
journal.append([b"before"])
handles = [
    int(name) for name in os.listdir("/proc/self/fd")
    if os.path.realpath(f"/proc/self/fd/{name}").endswith("data.mdb")
]
# LMDB writes its meta pages through a handle of its own: without it a commit fails at its end.
os.close(max(handles))
def append():
    try:
        print("=", journal.append([b"x"]))
    except Unavailable as error:
        print("=", error.code)
append()
append()
whole = (directory / "data.mdb").read_bytes()
os.truncate(directory / "data.mdb", 8192)
append()
append()
(directory / "data.mdb").write_bytes(whole)
append()
print("=", journal.read(0, max_bytes=100)[0].payload)
"""
    said = _said_by(program, tmp_path)
    assert said[:4] == ["journal_failed"] * 2 + ["journal_damaged"] * 2
    assert said[4].isdecimal()
    assert said[5] == "b'before'"


def test_a_journal_whose_file_failed_is_opened_again(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from app.core.errors import Unavailable
from app.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), max_bytes=64 << 20)
journal.append([b"before"])
handles = [
    int(name) for name in os.listdir("/proc/self/fd")
    if os.path.realpath(f"/proc/self/fd/{name}").endswith("data.mdb")
]
# LMDB writes its meta pages through a handle of its own: without it a commit fails at its end.
os.close(max(handles))
for _ in range(4):
    try:
        print("=", journal.append([b"x"]))
    except Unavailable as error:
        print("=", error.code)
state = journal.state()
entries = journal.read(0, max_bytes=100)
print("=", state.entries == len(entries) == state.last_number, entries[0].payload)
"""
    said = _said_by(program, tmp_path)
    assert said[:2] == ["journal_failed"] * 2
    assert int(said[3]) == int(said[2]) + 1
    assert said[4] == "True b'before'"


def _said_by(program: str, directory: Path) -> list[str]:
    command = [sys.executable, "-c", program, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return [line[2:] for line in done.stdout.splitlines() if line.startswith("= ")]
