"""Texts of queries about the very records of a run, in every form that the language has."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from app.query.fields import Field
from tests.conformance.aiming import Facts
from tests.conformance.drawing_text import name_text, quoted_text

FORMS = frozenset(
    {
        *("word", "phrase", "prefix", "suffix", "infix", "one code point", "regex of words"),
        *("equal", "number", "not equal", "several", "boolean", "exists", "level", "time"),
        *("glob", "glob of one", "regex", "at least", "more", "at most", "less"),
        *("closed range", "open range", "half open range", "text range", "unbounded range"),
        *("NOT", "minus", "AND", "OR", "beside", "parentheses"),
    }
)
_SPECIAL = set('\\"*?/:()[]{}<>=!-+~^&|` ')


def aimed_texts(chance: Random, facts: Facts, number: int) -> list[tuple[str, str]]:
    """Queries, each with its outermost form."""
    return [_text(chance, facts) for _ in range(number)]


def _text(chance: Random, facts: Facts) -> tuple[str, str]:
    form, text = _clause(chance, facts)
    if chance.random() < 0.6:
        return form, text
    _, other = _clause(chance, facts)
    return chance.choice(
        [
            ("NOT", f"NOT {text}"),
            ("minus", f"-({text})"),
            ("AND", f"{text} AND {other}"),
            ("OR", f"{text} OR {other}"),
            ("beside", f"{text} {other}"),
            ("parentheses", f"({text} OR {other}) AND NOT ({other})"),
        ]
    )


def _clause(chance: Random, facts: Facts) -> tuple[str, str]:
    made = [make for make in _CLAUSES if getattr(facts, make.__name__.partition("_about_")[2])]
    return chance.choice(made)(chance, facts)


def _word_about_words(chance: Random, facts: Facts) -> tuple[str, str]:
    words = chance.choice(facts.words)
    word = chance.choice(words)
    half = word[: max(1, len(word) // 2)]
    forms = [
        ("word", quoted_text(word)),
        ("prefix", f"{half}*"),
        ("suffix", f"*{word[-1]}"),
        ("infix", f"*{word[len(word) // 2]}*"),
        ("one code point", f"?{word[1:]}"),
        ("regex of words", f"/{half}.*/"),
    ]
    if len(words) > 1:
        start = chance.randrange(len(words) - 1)
        forms.append(("phrase", quoted_text(" ".join(words[start : start + 2]))))
    return chance.choice(forms)


def _value_about_texts(chance: Random, facts: Facts) -> tuple[str, str]:
    field, value = chance.choice(facts.texts)
    name, quoted = _name(field), quoted_text(value)
    forms = [
        ("equal", f"{name}:{quoted}"),
        ("not equal", f"{name} != {quoted}"),
        ("several", f"{name}:({quoted} OR {quoted_text(chance.choice(facts.texts)[1])})"),
        ("exists", f"{name}:*"),
        ("text range", f"{name}:[{quoted} TO {quoted}]"),
        ("text range", f"{name} >= {quoted}"),
    ]
    plain = value.strip()
    if plain and plain == value and not _SPECIAL & set(value) and value.isprintable():
        forms += [
            ("glob", f"{name}:{value[0]}*"),
            ("glob", f"{name}:*{value[-1]}"),
            ("glob of one", f"{name}:?{value[1:]}"),
            ("regex", f"{name}:/{_escaped(value[:-1])}.?/"),
            ("regex", f"{name}:/({_escaped(value)}|x)/"),
        ]
    return chance.choice(forms)


def _number_about_numbers(chance: Random, facts: Facts) -> tuple[str, str]:
    field, value = chance.choice(facts.numbers)
    name = _name(field)
    return chance.choice(
        [
            ("number", f"{name}:{value!r}"),
            ("at least", f"{name} >= {value!r}"),
            ("more", f"{name} > {value - 1!r}"),
            ("at most", f"{name} <= {value!r}"),
            ("less", f"{name} < {value + 1!r}"),
            ("closed range", f"{name}:[{value!r} TO {value!r}]"),
            ("open range", f"{name}:{{{value - 1!r} TO {value + 1!r}}}"),
            ("half open range", f"{name}:[{value!r} TO {value + 1!r}}}"),
            ("unbounded range", f"{name}:[{value!r} TO *]"),
            ("unbounded range", f"{name}:[* TO {value!r}]"),
        ]
    )


def _boolean_about_booleans(chance: Random, facts: Facts) -> tuple[str, str]:
    field, value = chance.choice(facts.booleans)
    return "boolean", f"{_name(field)}:{str(value).lower()}"


def _level_about_levels(chance: Random, facts: Facts) -> tuple[str, str]:
    level = chance.choice(facts.levels)
    return "level", chance.choice([f"level:{level}", f"level >= {level}", f"level < {level}"])


def _time_about_instants(chance: Random, facts: Facts) -> tuple[str, str]:
    field, instant = chance.choice(facts.instants)
    milliseconds = instant // 1_000_000
    return "time", f"{field.name}:[{milliseconds} TO {milliseconds + 1}]"


_CLAUSES: tuple[Callable[[Random, Facts], tuple[str, str]], ...] = (
    _word_about_words,
    _word_about_words,
    _value_about_texts,
    _value_about_texts,
    _number_about_numbers,
    _number_about_numbers,
    _boolean_about_booleans,
    _level_about_levels,
    _time_about_instants,
)


def _name(field: Field) -> str:
    return name_text(field.name)


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in ".$^" else character for character in text)
