"""What the tests of processes rest on: a port is given to one of them."""

import subprocess
import sys

from tests.ports import free_port
from tests.process.running import BACKEND

# Of ten thousand: two processes that draw so many would take some twice if they did not agree.
DRAWN = 400
DRAW = f"from tests.ports import free_port\nprint(*(free_port() for _ in range({DRAWN})))\ninput()"


def test_a_port_is_given_once_however_many_processes_ask() -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", DRAW],
        cwd=BACKEND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        theirs = [int(port) for port in other.stdout.readline().split()]
        ours = [free_port() for _ in range(DRAWN)]
        other.communicate("\n")
    assert len({*ours, *theirs}) == 2 * DRAWN
