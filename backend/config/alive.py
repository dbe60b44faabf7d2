"""Whether this host's shipper lives, for probes: `python -m config.alive`, status 0 when it does.

Without setting Django up, because it is asked every few seconds. A shipper that is retrying lives: starting it
again would not mend the store.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.core.clock import SYSTEM_CLOCK
from app.journal.status import read_status
from config.env import Env

# A commit to a store that hangs takes a while; so long takes none.
SILENT_SECONDS = 120.0


def main() -> None:
    """Ends with status 1 and one sentence when the shipper does not live."""
    env = Env(os.environ)
    data_dir = env.path("DATA_DIR", Path(__file__).resolve().parents[2] / "data")
    reason = why_not(env.path("JOURNAL_DIR", data_dir / "journal"), SYSTEM_CLOCK.now_ns())
    if reason:
        sys.exit(f"the shipper {reason}")


def why_not(journal_dir: Path, now_ns: int) -> str:
    """What is wrong with the shipper over this journal; empty when nothing is."""
    status = read_status(journal_dir)
    if status is None:
        return "has not run yet"
    if status.state == "stopped":
        return "has stopped"
    silent_seconds = status.silent_seconds(now_ns)
    if silent_seconds > SILENT_SECONDS:
        return f"says nothing for {silent_seconds:.0f} s"
    return ""


if __name__ == "__main__":
    main()
