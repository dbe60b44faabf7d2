"""Runs `manage.py …` and kills it with SIGKILL as it is about to send a certain command.

Arguments: the command's name, a pattern of the collection's, the how manieth one; then manage.py's.
"""

from __future__ import annotations

import os
import re
import signal
import sys

from django.core.management import execute_from_command_line
from pymongo import monitoring
from typing_extensions import override

from config.environments import choose_settings


class Killer(monitoring.CommandListener):
    def __init__(self, name: str, pattern: str, number: int) -> None:
        self._name, self._pattern, self._left = name, re.compile(pattern), number

    @override
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == self._name and self._pattern.search(
            str(event.command[self._name])
        ):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    @override
    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Only what is about to be sent matters."""

    @override
    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Only what is about to be sent matters."""


if __name__ == "__main__":
    name, pattern, number, *arguments = sys.argv[1:]
    monitoring.register(Killer(name, pattern, int(number)))
    choose_settings(os.environ)
    execute_from_command_line(["manage.py", *arguments])
