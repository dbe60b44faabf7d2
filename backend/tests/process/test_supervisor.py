"""The supervisor itself, over children that only sleep."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.child import BLOCKED
from config.spawn import spawn, wait
from config.supervisor import ORDERLY_DELAY_SECONDS
from tests.process.lives import lives, wait_until_dead
from tests.process.standstill import within

pytestmark = pytest.mark.alone

BACKEND = Path(__file__).resolve().parents[2]
SECONDS = 10.0
PATIENCE_SECONDS = 120.0


class Group:
    """A running supervisor and what it says."""

    def __init__(self, *manners: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.process.sleepers", *manners],
            cwd=BACKEND,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        for _ in manners:
            self.hear("child up")
        self.itself = psutil.Process(self.process.pid)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.put(line.strip())

    def hear(self, words: str) -> str:
        """The next sentence with these words."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            sentence = self.said.get(timeout=max(deadline - time.monotonic(), 0.01))
            if words in sentence:
                return sentence

    def children(self) -> list[psutil.Process]:
        return self.itself.children(recursive=True)

    def rest(self) -> list[str]:
        """Everything it said and nobody heard; call it after its end."""
        self._reader.join(SECONDS)
        return list(self.said.queue)

    def close(self) -> None:
        children = self.children() if self.process.poll() is None else []
        for process in [*children, self.itself]:
            if process.is_running():
                process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)


@pytest.fixture
def group(request: pytest.FixtureRequest) -> Iterator[Group]:
    group = Group(*getattr(request, "param", ("polite", "polite", "polite")))
    yield group
    group.close()


def test_a_child_that_dies_is_restarted_within_two_seconds_and_said_so(group: Group) -> None:
    victim = group.children()[1]
    with within(2.0):
        victim.kill()
        assert "was ended by SIGKILL, starts again" in group.hear("ended")
        group.hear("child up")
    pids = {child.pid for child in group.children()}
    assert len(pids) == 3
    assert victim.pid not in pids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_ends_everybody(group: Group, number: signal.Signals) -> None:
    children = group.children()
    with within(SECONDS):
        group.process.send_signal(number)
        assert group.process.wait(PATIENCE_SECONDS) == 0
    assert not any(map(lives, children))
    assert group.rest()[-1] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nobody_is_restarted_when_the_signal_reaches_all_at_once(
    group: Group, number: signal.Signals
) -> None:
    os.killpg(group.process.pid, number)
    assert group.process.wait(PATIENCE_SECONDS) == 0
    assert not [sentence for sentence in group.rest() if "again" in sentence or "up" in sentence]


def test_a_child_that_is_interrupted_while_it_starts_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    reading, writing = os.pipe()
    program = ("-m", "config.child", str(reading), "tests.process.sleeper")
    for moment in range(25):
        child = spawn(program, inherited=(reading,), blocked=BLOCKED)
        time.sleep(moment / 250)
        os.kill(child, signal.SIGINT)
        assert wait(child) == -signal.SIGINT
    assert capfd.readouterr().err == ""
    os.close(reading)
    os.close(writing)


def test_nobody_is_restarted_when_the_children_hear_it_first() -> None:
    # Where the machine lets us tell the supervisor too late, that is another story.
    for _ in range(20):
        group = Group("polite", "polite", "polite")
        try:
            before = time.monotonic()
            for child in group.children():
                child.terminate()
            group.hear("starts again")
            group.process.terminate()
            took = time.monotonic() - before
            assert group.process.wait(PATIENCE_SECONDS) == 0
            if took < ORDERLY_DELAY_SECONDS:
                assert "child up" not in group.rest()
                return
        finally:
            group.close()
    raise AssertionError("the machine is too slow to say")


@pytest.mark.parametrize("group", [("polite", "deaf")], indirect=True)
def test_children_die_with_a_killed_supervisor(group: Group) -> None:
    children = group.children()
    with within(2.0):
        group.process.kill()
        wait_until_dead(children, PATIENCE_SECONDS)


@pytest.mark.parametrize("group", [("polite", "deaf")], indirect=True)
def test_a_child_that_does_not_listen_is_killed_before_ten_seconds_are_over(group: Group) -> None:
    children = group.children()
    with within(SECONDS):
        group.process.terminate()
        assert "deaf-1" in group.hear("killed after")
        assert group.process.wait(PATIENCE_SECONDS) == 0
    assert not any(map(lives, children))


def test_all_stay_in_one_session_and_inherit_nothing(group: Group) -> None:
    for child in group.children():
        assert os.getsid(child.pid) == group.process.pid
        # Standard streams and the lifeline.
        assert child.num_fds() <= 4
