"""Points at which tests kill this process: `ELKV_FAULT=<name>:<nth>`, off unless set.

`ELKV_FAULT=ship:after_commit:3` kills it the third time it gets there. Names: `ship:after_append`,
`ship:after_commit`, `ship:before_trim`, `ship:after_trim`, and those of the store.
"""

from __future__ import annotations

import os
import signal

from app.core.errors import Invalid
from app.logstore.interface import FaultPoint, no_fault

VARIABLE = "ELKV_FAULT"


def fault_of(setting: str) -> FaultPoint:
    """The fault point that a setting asks for; nothing ever happens for an empty one."""
    if not setting:
        return no_fault
    wanted, _, nth = setting.rpartition(":")
    if not wanted or not nth.isdecimal() or int(nth) < 1:
        raise Invalid(f"'{VARIABLE}={setting}' is not <name>:<nth>")
    left = int(nth)

    def fault(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                # Like a power cut for this process: no handler, no flush.
                os.kill(os.getpid(), signal.SIGKILL)

    return fault
