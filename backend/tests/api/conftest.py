"""On MongoDB every question that the API asks must be answered from an index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.query_plans import Recorder, faults_of

RECORDER = Recorder()
connection = connections["default"]
# The admin's search looks for a piece of a text in everybody's rows, and its filters ask for every
# value there is: no index serves either.
WITHOUT_INDEX = {"test_admin.py"}


@pytest.fixture(autouse=True, scope="session")
def _listening() -> None:
    """Every client of this run tells the recorder what it sends."""
    if connection.vendor == "mongodb":
        connection.settings_dict["OPTIONS"]["event_listeners"] = [RECORDER]


@pytest.fixture(autouse=True)
def _every_question_has_an_index(request: pytest.FixtureRequest) -> Iterator[None]:
    """Asks for the plan of every query of a shape that no test before sent."""
    if connection.vendor != "mongodb" or request.node.path.name in WITHOUT_INDEX:
        yield
        return
    RECORDER.is_on = True
    yield
    RECORDER.is_on = False
    slow = [
        f"{', '.join(sorted(faults))}: {command}"
        for command in RECORDER.take()
        if (faults := faults_of(connection.database, command))
    ]
    assert not slow, "these have no index:\n" + "\n".join(slow)
