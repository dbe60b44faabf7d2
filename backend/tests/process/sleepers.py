"""A group of sleeping children under the real supervisor; each argument is one child's manners."""

import sys
from pathlib import Path

from app.core.clock import SYSTEM_CLOCK
from config.supervisor import Part, Supervisor

SLEEPER = str(Path(__file__).with_name("sleeper.py"))


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


parts = tuple(
    Part(f"{manners}-{number}", (SLEEPER, manners)) for number, manners in enumerate(sys.argv[1:])
)
Supervisor(parts, say=say, clock=SYSTEM_CLOCK).run()
say("stopped")
