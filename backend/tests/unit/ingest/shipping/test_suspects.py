"""What is remembered of failures and deaths."""

from __future__ import annotations

from pathlib import Path

from app.ingest.shipping.suspects import DIED, FILE_NAME, WORK_FILE_NAME, Suspects, Suspicion


def test_who_worked_on_nothing_suspects_nothing(tmp_path: Path) -> None:
    suspects = Suspects(tmp_path)
    assert suspects.failed("x") is None
    suspects.working(1, 5)
    suspects.passed(5)
    assert suspects.failed("x") is None
    suspects.working(6, 6)
    suspects.spare()
    assert suspects.failed("x") is None
    suspects.close()


def test_the_culprit_is_where_all_failures_were(tmp_path: Path) -> None:
    suspects = Suspects(tmp_path)
    suspects.working(1, 40)
    assert suspects.failed("x") == Suspicion(1, 40, 1, 0, 0, "x")
    assert suspects.careful is None
    suspects.working(1, 20)
    suspects.passed(10)
    assert suspects.failed("y") == Suspicion(11, 20, 2, 0, 0, "y")
    assert suspects.careful is not None
    assert suspects.careful.portion == 1
    suspects.working(15, 15)
    assert suspects.failed("z") == Suspicion(15, 15, 3, 1, 0, "z")
    suspects.working(15, 15)
    assert suspects.failed("z") == Suspicion(15, 15, 4, 2, 0, "z")
    suspects.working(15, 15)
    suspects.passed(15)
    assert suspects.careful is None
    suspects.close()


def test_a_failure_elsewhere_is_another_one(tmp_path: Path) -> None:
    suspects = Suspects(tmp_path)
    suspects.working(1, 40)
    suspects.failed("x")
    suspects.passed(0)
    suspects.working(41, 42)
    assert suspects.failed("y") == Suspicion(41, 42, 1, 0, 1, "y")
    suspects.close()


def test_a_death_at_work_is_a_failure_and_an_end_is_none(tmp_path: Path) -> None:
    first = Suspects(tmp_path)
    first.working(3, 4)
    with first.preparing(5):
        # As after a kill.
        second = Suspects(tmp_path)
        assert second.careful is None
        second.working(3, 4)
        third = Suspects(tmp_path)
    assert third.careful == Suspicion(3, 4, 2, 0, 0, DIED)
    for one in (first, second, third):
        one.close()
    fourth = Suspects(tmp_path)
    assert fourth.careful == Suspicion(3, 4, 2, 0, 0, DIED)
    fourth.passed(4)
    fourth.close()
    fifth = Suspects(tmp_path)
    assert (fifth.careful, fifth.commits) == (None, 1)
    fifth.close()


def test_it_does_without_files_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    (tmp_path / WORK_FILE_NAME).mkdir()
    (tmp_path / FILE_NAME).mkdir()
    suspects = Suspects(tmp_path)
    for _ in range(2):
        suspects.working(1, 1)
        suspects.failed("x")
    assert suspects.careful == Suspicion(1, 1, 2, 2, 0, "x")
    suspects.close()
