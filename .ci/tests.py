"""Runs the tests: first those that share the cores, then those that start processes of their own.

Prints both runs' output, and last one summary of both in pytest's own words.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

BACKEND = Path(__file__).resolve().parents[1] / "backend"
NO_TESTS = 5
RUNS = {
    "together": ["-n", "2", "tests", "--ignore", "tests/process"],
    "alone": ["tests/process"],
}
KINDS = ("failed", "passed", "skipped", "errors")


def main() -> int:
    started = time.monotonic()
    counts = dict.fromkeys(KINDS, 0)
    statuses = []
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in RUNS.items():
            report = Path(folder) / f"{name}.xml"
            command = [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}"]
            done = subprocess.run(
                [*command, "--durations=10", "-q"], cwd=BACKEND, stdin=subprocess.DEVNULL
            )
            statuses.append(0 if done.returncode == NO_TESTS else done.returncode)
            if report.exists():
                add(counts, report)
    shown = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number)
    print(f"===== {shown or 'no tests ran'} in {time.monotonic() - started:.2f}s =====", flush=True)
    return max(statuses)


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
    sys.exit(main())
