"""Real lines, 200 questions about them, and a count for each that shares no code with the product.

The eight Loghub sets of 2,000 lines are plain ASCII; they lie under `SHARED_DIR`/data/loghub, the
folder `shared` beside the checkout unless the environment says otherwise. Counting is done the way
one would with grep: a regular expression over each raw line.
"""

from __future__ import annotations

import csv
import os
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETS = ("Apache", "HDFS", "Hadoop", "Linux", "OpenSSH", "OpenStack", "Spark", "Zookeeper")
QUESTIONS = 200

_CHECKOUT = Path(__file__).resolve().parents[3]
# What the sets call their levels; the column of Linux holds a host.
_LEVELS = {
    "INFO": "info",
    "WARN": "warn",
    "WARNING": "warn",
    "ERROR": "error",
    "FATAL": "fatal",
    "notice": "info",
    "error": "error",
}
_OPERATORS = {"and", "or", "not", "to"}
_WORD = re.compile("[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A raw line, the set it is from, and the level that the set's table gives it."""

    source: str
    text: str
    level: str | None
    folded: str  # the text in lower case

    def as_record(self) -> dict[str, Any]:
        """The line as a sender would send it."""
        record = {"message": self.text, "service": self.source.lower()}
        return record if self.level is None else {**record, "level": self.level}


LineTest = Callable[[Line], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """A query in our language, and whether a line is in its answer."""

    kind: str  # word, both, phrase, not, level
    query: str
    is_answer: LineTest

    def count(self, lines: Iterable[Line]) -> int:
        """How many of the lines match."""
        return sum(map(self.is_answer, lines))


def loghub_directory() -> Path:
    """Where the sets lie."""
    shared = os.environ.get("SHARED_DIR")
    return (Path(shared) if shared else _CHECKOUT.parent / "shared") / "data" / "loghub"


def read_lines(directory: Path) -> list[Line]:
    """All 16,000 lines, set by set, in their order."""
    return [line for name in SETS for line in _read_set(directory, name)]


def _read_set(directory: Path, name: str) -> list[Line]:
    texts = (directory / f"{name}.log").read_text("ascii").splitlines()
    with (directory / f"{name}.csv").open(encoding="ascii", newline="") as table:
        rows = list(csv.DictReader(table))
    if len(texts) != len(rows):
        raise ValueError(f"{name} has {len(texts)} lines but {len(rows)} rows")
    return [
        Line(name, text, _LEVELS.get(row.get("Level") or ""), text.lower())
        for text, row in zip(texts, rows, strict=True)
    ]


def side_by_side(*words: str) -> LineTest:
    """Whether a line has the words next to each other, whole, in any case: `grep -iP`."""
    first = words[0].lower()
    middle = "[^a-z0-9]+".join(re.escape(word.lower()) for word in words)
    pattern = re.compile(f"(?<![a-z0-9]){middle}(?![a-z0-9])")
    return lambda line: first in line.folded and pattern.search(line.folded) is not None


def questions(lines: Sequence[Line], count: int = QUESTIONS) -> list[Question]:
    """So many different questions, the same for the same lines; every kind as often as the next."""
    chance = random.Random(20_261_120)
    makers = (_word, _both, _phrase, _not, _level)
    found: dict[str, Question] = {}
    while len(found) < count:
        question = makers[len(found) % len(makers)](lines, chance)
        if question is not None:
            found.setdefault(question.query, question)
    return list(found.values())


def _some_line(lines: Sequence[Line], chance: random.Random) -> Line:
    return lines[chance.randrange(len(lines))]


def _some_word(lines: Sequence[Line], chance: random.Random) -> str:
    """A word of a line, in a case of its own: common words are more likely than rare ones."""
    words = [
        word
        for word in _WORD.findall(_some_line(lines, chance).text)
        if word.lower() not in _OPERATORS
    ]
    change = chance.choice((str, str.lower, str.title))
    return change(chance.choice(words))


def _word(lines: Sequence[Line], chance: random.Random) -> Question:
    word = _some_word(lines, chance)
    return Question("word", word, side_by_side(word))


def _both(lines: Sequence[Line], chance: random.Random) -> Question:
    line = [_some_line(lines, chance)]
    one, two = _some_word(line, chance), _some_word(line, chance)
    joint = chance.choice((" AND ", " "))
    has_one, has_two = side_by_side(one), side_by_side(two)
    return Question("both", f"{one}{joint}{two}", lambda line: has_one(line) and has_two(line))


def _phrase(lines: Sequence[Line], chance: random.Random) -> Question | None:
    text = _some_line(lines, chance).text
    places = list(_WORD.finditer(text))
    length = chance.randint(2, 5)
    if len(places) < length:
        return None
    first = chance.randrange(len(places) - length + 1)
    chosen = places[first : first + length]
    quoted = text[chosen[0].start() : chosen[-1].end()]
    if '"' in quoted or "\\" in quoted:
        return None
    return Question("phrase", f'"{quoted}"', side_by_side(*(place.group() for place in chosen)))


def _not(lines: Sequence[Line], chance: random.Random) -> Question:
    wanted, unwanted = _some_word(lines, chance), _some_word(lines, chance)
    query = chance.choice(("{0} AND NOT {1}", "{0} -{1}", "NOT {1} {0}")).format(wanted, unwanted)
    has_wanted, has_unwanted = side_by_side(wanted), side_by_side(unwanted)
    return Question("not", query, lambda line: has_wanted(line) and not has_unwanted(line))


def _level(lines: Sequence[Line], chance: random.Random) -> Question:
    level = chance.choice(("info", "warn", "error"))
    word = _some_word(lines, chance)
    has_word = side_by_side(word)
    if chance.random() < 0.5:
        return Question(
            "level",
            f"level:{level} {word}",
            lambda line: line.level == level and has_word(line),
        )
    return Question(
        "level",
        f"NOT level:{level} AND {word}",
        lambda line: line.level != level and has_word(line),
    )
