"""Random texts of queries: most can be parsed, all are made of what people type."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.conformance.drawing import INTEGERS, KEYS, STRINGS, WORDS, texts

_NAMES = (
    *("a", "b", "a.b", "service", "host", "trace_id", "stream", "id", "message", "level_number"),
    *("app", "attributes.level", "attributes.a", "nowhere"),
)
_LEVELS = ("info", "WARNING", "err", "fatal")
_TIMES = ("now", "now-1d/d", "2026-11-20T12:00:00Z", "1795176000000")
_COMPARISONS = (">=", ">", "<=", "<")


def quoted_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def name_text(name: str) -> str:
    is_plain = name.replace(".", "a").replace("_", "a").isalnum() and name.isascii()
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return name if is_plain else f"`{escaped}`"


names = st.one_of(st.sampled_from(_NAMES), st.sampled_from(KEYS)).map(name_text)
numbers = st.one_of(
    st.sampled_from(INTEGERS),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False),
).map(repr)
plain = st.sampled_from(["a", "ab", "500", "true", "web-01", "*", "a*", "?b", "*a*", "/a.?/", "é"])
quoted = st.one_of(st.sampled_from(STRINGS), texts).map(quoted_text)
field_values = st.one_of(plain, numbers, quoted)
bounds = st.one_of(numbers, st.just("*"))
text_bounds = st.one_of(quoted, st.just("*"))
patterns = st.sampled_from(
    ["/[a-c]+/", "/.*/", r"/\d{2,}/", "/(a|b|500)?/", r"/\w+\s?.*/", "/[^a]/", "er*", "*o*", "???"]
)


def _range(lower: str, upper: str, opening: str, closing: str) -> str:
    return f"{opening}{lower} TO {upper}{closing}"


_opening, _closing = st.sampled_from("[{"), st.sampled_from("]}")
ranges = st.one_of(
    st.builds(_range, bounds, bounds, _opening, _closing),
    st.builds(_range, text_bounds, text_bounds, _opening, _closing),
)
clauses = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(quoted_text),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=3).map(" ".join).map(quoted_text),
    patterns,
    st.builds("{}:{}".format, names, st.one_of(field_values, field_values, patterns, ranges)),
    st.builds("{}:{}".format, names, field_values),
    st.builds("{} != {}".format, names, field_values),
    st.builds("{} {} {}".format, names, st.sampled_from(_COMPARISONS), st.one_of(numbers, quoted)),
    st.builds("{}:({} OR {})".format, names, field_values, field_values),
    st.builds("level:{}".format, st.sampled_from(_LEVELS)),
    st.builds("level {} {}".format, st.sampled_from(_COMPARISONS), st.sampled_from(_LEVELS)),
    st.builds("@timestamp:[{} TO {}]".format, st.sampled_from(_TIMES), st.sampled_from(_TIMES)),
    st.just("*"),
)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} AND {}".format, inner, inner),
        st.builds("{} {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT ({})".format, inner),
        st.builds("({})".format, inner),
        st.builds("-({})".format, inner),
    )


query_texts = st.recursive(clauses, _joined, max_leaves=4)
