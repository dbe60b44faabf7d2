"""Trees and texts that hypothesis draws, and the classes that a run has to have drawn."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from app.query.tree import (
    All,
    And,
    Anything,
    Bound,
    Compare,
    Match,
    Name,
    Node,
    Not,
    Operator,
    Or,
    Query,
    Quoted,
    Range,
    Regex,
    Value,
    Wildcard,
    Word,
)

# Every class of text that a query has to carry through; a run in which one was not drawn fails.
CLASSES: dict[str, Callable[[str], bool]] = {
    "empty": lambda text: text == "",
    "ASCII": lambda text: text.isascii() and text.isalnum(),
    "Latin and Greek": lambda text: any("\u00c0" <= c <= "\u03ff" for c in text),
    "East Asian": lambda text: any("\u3040" <= c <= "\u9fff" for c in text),
    "beyond 16 bits": lambda text: any(c > "\uffff" for c in text),
    "combining mark": lambda text: any("\u0300" <= c <= "\u036f" for c in text),
    "control character": lambda text: any(c < " " for c in text),
    "white space": lambda text: any(c.isspace() for c in text),
    "dot": lambda text: "." in text,
    "colon": lambda text: ":" in text,
    "quote": lambda text: '"' in text,
    "back-tick": lambda text: "`" in text,
    "backslash at the end": lambda text: text.endswith("\\"),
    "slashes around": lambda text: len(text) > 1 and text[0] == text[-1] == "/",
    "minus in front": lambda text: text.startswith("-"),
    "sign": lambda text: any(c in text for c in "<>=!"),
    "parenthesis": lambda text: any(c in text for c in "()[]{}"),
    "pipe": lambda text: "|" in text,
    "star or question mark": lambda text: "*" in text or "?" in text,
    "operator": lambda text: text in ("AND", "OR", "NOT", "TO"),
    "RFC 3339": lambda text: text == "2026-11-20T10:00:00.123456789Z",
    "2^53 - 1": lambda text: text == "9007199254740991",
    "2^53 + 1": lambda text: text == "9007199254740993",
    "-2^53 - 1": lambda text: text == "-9007199254740993",
    "2^63": lambda text: text == "9223372036854775808",
    "-2^63": lambda text: text == "-9223372036854775808",
    "1e308": lambda text: text == "1e308",
    "-0.0": lambda text: text == "-0.0",
    "boolean": lambda text: text in ("true", "false"),
}

_SAMPLES = st.sampled_from(
    [
        *("2026-11-20T10:00:00.123456789Z", "9007199254740991", "9007199254740993"),
        *("-9007199254740993", "9223372036854775808", "-9223372036854775808", "9007199254740992"),
        *(
            "1e308",
            "-0.0",
            "true",
            "false",
            "AND",
            "OR",
            "NOT",
            "TO",
            "",
            "/",
            "//",
            "/a/",
            "/a b/",
        ),
        *(
            "/*/",
            "-",
            "-5",
            "-5.0e3",
            "-x",
            "!",
            "!=",
            "=",
            "==",
            ">=5",
            "<",
            "a b",
            "a.b",
            "a:b",
            "\\",
        ),
        *(
            "`",
            '"',
            "a\\",
            '\\"',
            "*",
            "?",
            "a*b",
            "\\*",
            "&&",
            "||",
            "|",
            "(",
            ")",
            "[1 TO 2]",
            "{}",
        ),
        *(
            "now-15m",
            "10.0.0.7",
            "\u0130",
            "\u00e9",
            "e\u0301",
            "\u03a3",
            "\u65e5\u672c",
            "\U0001f600",
        ),
        *("\n", "\x00", "\u00a0", "\u3000", "a!b", "a!=b", "a=", "f(x)", "@timestamp", "message"),
    ]
)
# Half of a surrogate pair is no text, and is refused (test_limits).
_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_ODD = st.text(st.sampled_from(' \t\n()[]{}"`|:<>=!-/\\*?.,aZ09é日😀\u0301'), max_size=8)

# One of each class that is rarely met by chance.
_CLASS_SAMPLES = st.sampled_from(
    [
        *(
            "2026-11-20T10:00:00.123456789Z",
            "9007199254740991",
            "9007199254740993",
            "1e308",
            "-0.0",
        ),
        *("-9007199254740993", "9223372036854775808", "-9223372036854775808", "true", "AND", "TO"),
        *("", "a\\", "/a/", "-x"),
    ]
)

texts = st.one_of(_SAMPLES, _CLASS_SAMPLES, _ANY, _ODD)
_some_text = texts.filter(bool)

names = texts.map(Name)
words = _some_text.map(Word)
quoted = texts.map(Quoted)


def _glob(pieces: list[str]) -> str:
    return "".join(piece if piece in ("*", "?") else _escaped(piece) for piece in pieces)


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "*?\\" else c for c in text)


wildcards = (
    st.lists(st.one_of(st.sampled_from(["*", "?"]), _some_text), min_size=1, max_size=4)
    .filter(lambda pieces: pieces != ["*"] and ("*" in pieces or "?" in pieces))
    .map(lambda pieces: Wildcard(_glob(pieces)))
)
_regex_pieces = st.sampled_from(
    [
        "a",
        ".",
        "[a-z]",
        "[^0-9]",
        "\\d",
        "\\/",
        "\\ ",
        "(x|y)",
        "é",
        "日",
        "\\*",
        ":",
        '"',
        "`",
        "-",
    ]
)
regexes = st.lists(
    st.tuples(_regex_pieces, st.sampled_from(["", "", "*", "+", "?", "{2,5}"])).map("".join),
    max_size=4,
).map(lambda pieces: Regex("".join(pieces)))

values: st.SearchStrategy[Value] = st.one_of(words, quoted, wildcards, regexes, st.builds(Anything))
_text_values: st.SearchStrategy[Value] = st.one_of(words, quoted, wildcards, regexes)
bounds: st.SearchStrategy[Bound] = st.one_of(words, quoted, st.builds(Anything))
_ordered = st.sampled_from([o for o in Operator if o is not Operator.NOT_EQUAL])

# Few names, so that clauses of one field meet and are gathered.
_few_names = st.one_of(st.sampled_from([Name("f"), Name("status"), Name("a b:c")]), names)

leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(All),
    st.builds(Match, st.none(), _text_values),
    st.builds(Match, _few_names, values),
    st.builds(Match, _few_names, values),
    st.builds(Compare, _few_names, st.just(Operator.NOT_EQUAL), values),
    st.builds(Compare, _few_names, _ordered, st.one_of(words, quoted)),
    st.builds(Range, _few_names, bounds, bounds, st.booleans(), st.booleans()),
)


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    """As the parser joins: a child of the same kind gives its children."""
    children: list[Node] = []
    for part in parts:
        children += part.children if isinstance(part, kind) else (part,)
    return kind(tuple(children))


def _grown(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=4)
    return st.one_of(
        nodes.map(Not),
        several.map(lambda parts: _joined(And, parts)),
        several.map(lambda parts: _joined(Or, parts)),
    )


def _is_read_as_everything(node: Node) -> bool:
    """Two quotes alone are the whole query's way to say everything."""
    return isinstance(node, Match) and node.name is None and node.value == Quoted("")


queries: st.SearchStrategy[Query] = (
    st.recursive(leaves, _grown, max_leaves=12)
    .filter(lambda node: not _is_read_as_everything(node))
    .map(Query)
)

# Many clauses side by side: each example holds many classes of text.
wide_queries: st.SearchStrategy[Query] = st.lists(leaves, min_size=12, max_size=16).map(
    lambda parts: Query(And((Or(tuple(parts[:6])), *parts[6:])))
)


def texts_of(node: Node) -> list[tuple[str, str]]:
    """(what it is, text) of every name and value in a tree."""
    match node:
        case All():
            return []
        case Match(name, value):
            return [*_text_of(value), *([("name", name.text)] if name else [])]
        case Compare(name, _, value):
            return [("name", name.text), *_text_of(value)]
        case Range(name, lower, upper):
            return [("name", name.text), *_text_of(lower), *_text_of(upper)]
        case Not(child):
            return texts_of(child)
        case And(children) | Or(children):
            return [text for child in children for text in texts_of(child)]


def _text_of(value: Value) -> list[tuple[str, str]]:
    match value:
        case Word(text) | Quoted(text):
            return [(type(value).__name__.lower(), text)]
        case Wildcard() | Regex() | Anything():
            return []
