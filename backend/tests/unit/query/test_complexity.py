"""What our measure allows, every engine takes."""

from __future__ import annotations

from bisect import bisect_left

import pytest
import tantivy

from app.logstore.memory import regex as memory_regex
from app.query import regex
from app.query.complexity import MAX_STATES, most_states, states, utf8_chains
from app.query.errors import QuerySyntaxError
from app.query.fields import ID, MESSAGE, field_named
from app.query.parser import parse
from app.query.patterns import (
    AnyCodePoint,
    Either,
    Empty,
    OneOf,
    Pattern,
    Repeat,
    Sequence,
    Text,
    of_glob,
)
from app.query.resolve import resolve


def rust_of(pattern: Pattern) -> str:
    """The pattern for the automata of tantivy."""
    match pattern:
        case Empty():
            return "(?:)"
        case Text(text):
            return "".join(f"\\x{{{ord(character):x}}}" for character in text)
        case AnyCodePoint():
            return "(?s:.)"
        case OneOf(ranges, negated):
            inside = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)
            return f"[{'^' if negated else ''}{inside}]"
        case Sequence(parts):
            return "".join(map(rust_of, parts))
        case Either(branches):
            return f"(?:{'|'.join(map(rust_of, branches))})"
        case Repeat(part, least, most):
            return f"(?:{rust_of(part)}){{{least},{'' if most is None else most}}}"


def engine_takes(pattern: str) -> bool:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("f", tokenizer_name="raw")
    schema = builder.build()
    try:
        query = tantivy.Query.regex_query(schema, "f", pattern)
        index = tantivy.Index(schema)
        with index.writer(15_000_000, 1) as writer:
            writer.add_document(tantivy.Document(f="x"))
        index.reload()
        index.searcher().search(query, 1)
    except ValueError:
        return False
    return True


def of_size(kind: str, size: int) -> Pattern:
    return regex.parse(kind.replace("N", str(size))) if "{" in kind else of_glob(kind * size)


def largest(kind: str) -> Pattern:
    """The largest pattern of a kind that is allowed."""
    sizes = range(1, 1_000)
    refused = bisect_left(sizes, 1, key=lambda size: states(of_size(kind, size)) is None)
    assert 1 <= refused < len(sizes)
    return of_size(kind, sizes[refused - 1])


KINDS = [
    "?",
    "a*",
    ".{N}",
    ".*a.{N}",
    "[a-z]*q[a-z]{N}",
    "(é|日){N}",
    "[^a]{0,N}",
    "([A-ZÀ-ÿ]+,){N}",
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_that_is_allowed_is_taken_by_the_engines(kind: str) -> None:
    pattern = largest(kind)
    assert engine_takes(rust_of(pattern))
    assert memory_regex.whole_value_test(pattern)("x") in (True, False)


@pytest.mark.parametrize(
    ("source", "number"),
    [("a", 3), ("abc", 5), ("é", 4), ("a*", 2), ("(a|b)*a", 3), ("a{10}", 12), ("[a-z]", 3)],
)
def test_states_are_counted_over_bytes(source: str, number: int) -> None:
    assert states(regex.parse(source)) == number


@pytest.mark.parametrize(
    "source",
    [
        ".{48}",
        ".*a.{6}",
        "(((a{10}){10}){10}){10}",
        "(a?){900}",
        "(.{0,20}x){20}",
        "[a-z]*a[a-z]{9}",
    ],
)
def test_what_is_too_large_is_refused(source: str) -> None:
    assert states(regex.parse(source)) is None


def test_the_name_of_an_attribute_counts() -> None:
    assert most_states(field_named("status")) == MAX_STATES - 12
    assert most_states(MESSAGE) == MAX_STATES
    assert most_states(ID) < MAX_STATES
    expression = "/" + "." * 40 + "/"
    resolve(parse(f"f:{expression}"), now_ns=0)
    with pytest.raises(QuerySyntaxError) as caught:
        resolve(parse(f"{'f' * 100}:{expression}"), now_ns=0)
    assert caught.value.code == "regex_too_complex"


def test_the_patterns_of_a_query_are_measured_together() -> None:
    one = "f:/" + "." * 40 + "/"
    resolve(parse(" OR ".join([one] * 10)), now_ns=0)
    with pytest.raises(QuerySyntaxError) as caught:
        resolve(parse(" OR ".join([one] * 20)), now_ns=0)
    assert caught.value.code == "regex_too_complex"


@pytest.mark.parametrize(
    "ranges",
    [
        ((0, 0x10FFFF),),
        ((0, 0x7F),),
        ((0x7F, 0x80),),
        ((0x7FF, 0x800),),
        ((0xD7FF, 0xE000),),
        ((0xFFFF, 0x10000),),
        ((0x3042, 0x9FFF), (0x1F600, 0x1F64F)),
        ((0xE9, 0xE9),),
    ],
)
def test_chains_of_bytes_encode_exactly_the_ranges(ranges: tuple[tuple[int, int], ...]) -> None:
    chains = utf8_chains(ranges)
    near = {c for first, last in ranges for end in (first, last) for c in range(end - 70, end + 70)}
    for code_point in near - set(range(0xD800, 0xE000)):
        if 0 <= code_point <= 0x10FFFF:
            encoded = chr(code_point).encode()
            matching = [
                chain
                for chain in chains
                if len(chain) == len(encoded)
                and all(
                    low <= byte <= high for byte, (low, high) in zip(encoded, chain, strict=True)
                )
            ]
            assert len(matching) == any(first <= code_point <= last for first, last in ranges)
