"""Runs the tests: on the embedded default, on real services, and those that start processes, some of
them alone on the machine.

What of the services does not answer yet is started first; CI ends what it started. Prints the output
of every run, and last one summary of all in pytest's own words. With arguments it is one pytest with
the services in its environment: `.ci/tests.py tests/conformance -k pages`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

REPOSITORY = Path(__file__).resolve().parents[1]
BACKEND = REPOSITORY / "backend"
SERVICES = REPOSITORY / "infra" / "dev" / "services"
NO_TESTS = 5
KINDS = ("failed", "passed", "skipped", "errors")
ON_SERVICES = "mongo or elastic or redis or stores"


@dataclass(frozen=True)
class Run:
    """One pytest. `has_services`: whether its environment names them, which makes settings use them."""

    has_services: bool
    arguments: tuple[str, ...]


RUNS = {
    "embedded": Run(
        False, ("-n2", "-m", f"not ({ON_SERVICES})", "tests", "--ignore=tests/process")
    ),
    "services": Run(True, ("-n2", "-m", ON_SERVICES, "tests", "--ignore=tests/process")),
    # Tests that share what they start stay together (tests/process/conftest.py says which); most of
    # the time they wait for what starts.
    "processes": Run(
        True,
        (
            *("-n4", "--dist=loadfile", "--no-loadscope-reorder"),
            *("-m", "not alone", "tests/process"),
        ),
    ),
    "alone": Run(True, ("-m", "alone", "tests/process")),
}


def main(arguments: list[str]) -> int:
    with services() as addresses:
        if arguments:
            return pytest(Run(True, tuple(arguments)), addresses)
        return all_runs(addresses)


def all_runs(addresses: dict[str, str]) -> int:
    started = time.monotonic()
    counts = dict.fromkeys(KINDS, 0)
    statuses = []
    with tempfile.TemporaryDirectory() as folder:
        for name, run in RUNS.items():
            began = time.monotonic()
            report = Path(folder) / f"{name}.xml"
            status = pytest(run, addresses, f"--junitxml={report}", "--durations=10", "-q")
            statuses.append(0 if status == NO_TESTS else status)
            if report.exists():
                add(counts, report)
            print(f"----- {name}: {time.monotonic() - began:.0f} s -----", flush=True)
    shown = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number)
    print(f"===== {shown or 'no tests ran'} in {time.monotonic() - started:.2f}s =====", flush=True)
    return max(statuses)


def pytest(run: Run, addresses: dict[str, str], *more: str) -> int:
    """Its status. What the caller's environment says about services is not passed on."""
    environment = {name: value for name, value in os.environ.items() if name not in addresses}
    if run.has_services:
        environment |= addresses
    command = [sys.executable, "-m", "pytest", *run.arguments, *more]
    return subprocess.run(
        command, cwd=BACKEND, stdin=subprocess.DEVNULL, env=environment
    ).returncode


@contextmanager
def services() -> Iterator[dict[str, str]]:
    """Their addresses by variable. Those that answer already are used as they are, and stay."""
    environment = {**os.environ, "PYTHON": sys.executable}

    def ask(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SERVICES, command], env=environment, stdout=subprocess.PIPE, text=True
        )

    # Some tests start servers of their own, also where these run in containers.
    ask("install").check_returncode()
    is_ours = ask("status").returncode != 0
    try:
        if is_ours:
            ask("start").check_returncode()
        lines = ask("env").stdout.splitlines()
        # Several may run their tests on the same servers at once.
        own = {"MONGO_DB_NAME": f"elk_vision_{os.getpid()}"}
        yield dict(line.split("=", 1) for line in lines) | own
    finally:
        if is_ours and os.environ.get("CI"):
            ask("stop")


def add(counts: dict[str, int], report: Path) -> None:
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed, errors, skipped = (
            int(suite.get(key, "0")) for key in ("failures", "errors", "skipped")
        )
        counts["failed"] += failed
        counts["errors"] += errors
        counts["skipped"] += skipped
        counts["passed"] += int(suite.get("tests", "0")) - failed - errors - skipped


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
