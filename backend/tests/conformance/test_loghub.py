"""Real lines: every store counts what a regular expression over the raw lines counts."""

from __future__ import annotations

from collections import Counter

from app.query.levels import LEVEL_NUMBERS
from app.query.parser import parse
from app.query.resolve import resolve
from tests.conformance.loghub_truth import (
    QUESTIONS,
    Line,
    loghub_directory,
    questions,
    read_lines,
    side_by_side,
)
from tests.conformance.records import NOON_NS, a_record
from tests.conformance.stores import Store

# Every eighth line of each set; the test over HTTP takes them all.
STEP = 8


def _line(text: str) -> Line:
    return Line("Apache", text, None, text.lower())


def test_stores_count_two_hundred_questions_as_grep_does(store: Store) -> None:
    lines = read_lines(loghub_directory())[::STEP]
    for start in range(0, len(lines), 1000):
        store.add(
            *(
                a_record(
                    line.text,
                    service=line.source.lower(),
                    level=line.level,
                    level_number=None if line.level is None else LEVEL_NUMBERS[line.level],
                )
                for line in lines[start : start + 1000]
            )
        )
    asked = questions(lines)
    wrong = {}
    for question in asked:
        filter_ = resolve(parse(question.query), now_ns=NOON_NS)
        total, truth = store.search(filter_, limit=1).total, question.count(lines)
        if total != truth:
            wrong[question.query] = (total, truth)
    assert wrong == {}


def test_the_truth_is_the_same_every_time_and_asks_every_kind() -> None:
    lines = read_lines(loghub_directory())
    assert len(lines) == 16_000
    first, second = questions(lines), questions(lines)
    assert [q.query for q in first] == [q.query for q in second]
    assert len({q.query for q in first}) == QUESTIONS
    assert set(Counter(q.kind for q in first).values()) == {QUESTIONS // 5}
    with_answers = sum(question.count(lines) > 0 for question in first)
    assert with_answers > QUESTIONS * 0.9


def test_the_truth_takes_whole_words_side_by_side_in_any_case() -> None:
    session_opened = side_by_side("Session", "opened")
    assert session_opened(_line("pam: session OPENED for user"))
    assert session_opened(_line("session: (opened)"))
    assert not session_opened(_line("session is opened"))
    assert not session_opened(_line("opened session"))
    assert not session_opened(_line("sessionopened"))
    assert not session_opened(_line("xsession opened"))
    assert not session_opened(_line("session opened7"))
    assert side_by_side("7")(_line("10.0.0.7"))
    assert side_by_side("a", "b")(_line("a_b"))
