"""The sign of life of background jobs."""

from pathlib import Path

from app.health.heartbeat import FILE_NAME, last_beat_ns, note_beat


def test_the_last_beat_is_what_was_noted_last(tmp_path: Path) -> None:
    assert last_beat_ns(tmp_path / "run") is None
    note_beat(tmp_path / "run", 5)
    note_beat(tmp_path / "run", 7)
    assert last_beat_ns(tmp_path / "run") == 7
    assert [path.name for path in (tmp_path / "run").iterdir()] == [FILE_NAME]


def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("yesterday")
    assert last_beat_ns(tmp_path) is None
