r"""Regular expressions and wildcards to one pattern tree: our own dialect, the same everywhere.

Literals, `.` (any code point), classes and ranges, `\d \w \s \D \W \S` (ASCII), `\t \n \r`, groups,
`|`, `* + ? {m} {m,} {m,n}`. A pattern matches a whole value, so anchors have no place in it; they,
look-around, lazy and possessive quantifiers, back-references, flags, `\b` and `\p` are refused with
their place. A backslash before anything but an ASCII letter or digit makes it literal.
"""

from __future__ import annotations

import re

from app.query.errors import TOO_COMPLEX
from app.query.patterns import (
    AnyCodePoint,
    Pattern,
    Ranges,
    Text,
    any_of,
    complement,
    in_sequence,
    one_code_point,
    repeated,
)

MAX_LENGTH = 1_000
MAX_GROUPS = 50  # inside each other

_DIGITS = ((48, 57),)
_WORDS = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACES = ((9, 13), (32, 32))
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}
_QUANTIFIERS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_MAX_COUNT_DIGITS = 4
_CATEGORY = re.compile(r"\\[pP](?:\{[^}]*\}|\w)")
# What can follow a parenthesis elsewhere; the last one is anything.
_REFUSED_GROUPS = {
    "look-around": re.compile(r"\?<?[=!]"),
    "a named group": re.compile(r"\?P?<\w*>?|\?'\w*'?"),
    "a back-reference": re.compile(r"\?P=\w*"),
    "a flag": re.compile(r"\?[^:)]*[:)]?"),
}


class RegexError(ValueError):
    """A mistake at [`start`, `end`) of the source; `replacement` is a whole source to try."""

    def __init__(
        self,
        detail: str,
        start: int,
        end: int,
        *,
        expected: tuple[str, ...] = (),
        replacement: str | None = None,
        reason: str = "invalid_regex",
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.start = start
        self.end = end
        self.expected = expected
        self.replacement = replacement
        self.reason = reason


def parse(source: str) -> Pattern:
    """The pattern of what stands between the slashes; raises `RegexError`."""
    if len(source) > MAX_LENGTH:
        raise RegexError(
            f"a regular expression has at most {MAX_LENGTH} characters",
            MAX_LENGTH,
            len(source),
            reason=TOO_COMPLEX,
        )
    return _Parser(source).pattern()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._depth = 0

    def pattern(self) -> Pattern:
        pattern = self._either()
        if self._position < len(self._source):
            raise self._error('found ")" without "("', 1, replacement=self._escaped())
        return pattern

    def _peek(self) -> str:
        return self._source[self._position : self._position + 1]

    def _either(self) -> Pattern:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._position += 1
            branches.append(self._sequence())
        return any_of(branches)

    def _sequence(self) -> Pattern:
        parts: list[Pattern] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated())
        return in_sequence(parts)

    def _repeated(self) -> Pattern:
        part = self._single()
        quantifier = self._quantifier()
        if quantifier is None:
            return part
        following = self._peek()
        if following in ("*", "+", "?", "{") and following:
            what = {"?": "lazy quantifiers", "+": "possessive quantifiers"}.get(
                following, "quantifiers of quantifiers"
            )
            raise self._error(f"{what} are not supported", 1, replacement=self._without(1))
        return repeated(part, *quantifier)

    def _quantifier(self) -> tuple[int, int | None] | None:
        character = self._peek()
        if character in _QUANTIFIERS:
            self._position += 1
            return _QUANTIFIERS[character]
        return self._counts() if character == "{" else None

    def _counts(self) -> tuple[int, int | None]:
        start = self._position
        end = self._source.find("}", start)
        body = self._source[start + 1 : end] if end > start else ""
        least, comma, most = body.partition(",")
        if not _is_count(least) or (most and not _is_count(most)):
            raise self._error(
                'expected a count such as "{2}", "{2,}" or "{2,5}"',
                (max(start, end)) + 1 - start,
                expected=("{m}", "{m,}", "{m,n}"),
                replacement=self._escaped(),
            )
        upper = (int(most) if most else None) if comma else int(least)
        if upper is not None and upper < int(least):
            raise self._error(
                f'the counts of "{{{body}}}" are in the wrong order',
                end + 1 - start,
                replacement=f"{self._source[:start]}{{{most},{least}}}{self._source[end + 1 :]}",
            )
        self._position = end + 1
        return int(least), upper

    def _single(self) -> Pattern:
        character = self._peek()
        if character in _SINGLES:
            return _SINGLES[character](self)
        self._position += 1
        return Text(character)

    def _any(self) -> Pattern:
        self._position += 1
        return AnyCodePoint()

    def _nothing_to_repeat(self) -> Pattern:
        raise self._error(
            f'there is nothing to repeat before "{self._peek()}"',
            1,
            expected=("something to repeat",),
            replacement=self._escaped(),
        )

    def _anchor(self) -> Pattern:
        raise self._error(
            f'"{self._peek()}" is not supported: an expression always matches a whole value',
            1,
            replacement=self._without(1),
        )

    def _unopened(self) -> Pattern:
        raise self._error(f'found "{self._peek()}" alone', 1, replacement=self._escaped())

    def _group(self) -> Pattern:
        opening = self._position
        if self._depth == MAX_GROUPS:
            raise RegexError(
                f"groups are nested deeper than {MAX_GROUPS}",
                opening,
                opening + 1,
                reason=TOO_COMPLEX,
            )
        self._position += 1
        if self._peek() == "?":
            self._check_group_kind(opening)
        self._depth += 1
        pattern = self._either()
        self._depth -= 1
        if self._peek() != ")":
            raise self._error(
                'expected ")", found the end of the expression',
                0,
                expected=('")"',),
                replacement=self._source + ")",
            )
        self._position += 1
        return pattern

    def _check_group_kind(self, opening: int) -> None:
        """Passes over `?:`, refuses everything else that a group can begin with elsewhere."""
        if self._source.startswith("?:", self._position):
            self._position += 2
            return
        for what, kind in _REFUSED_GROUPS.items():
            match = kind.match(self._source, self._position)
            if match:
                self._position = opening
                replacement = self._without(len(match[0]) + 1)
                if what != "a flag":
                    replacement = f"{self._source[:opening]}({self._source[match.end() :]}"
                raise self._error(
                    f"{what} is not supported", len(match[0]) + 1, replacement=replacement
                )

    def _escape(self) -> Pattern:
        ranges = self._escape_ranges()
        return one_code_point(list(ranges), negated=False)

    def _escape_ranges(self) -> Ranges:
        """The code points that an escape stands for; moves behind it."""
        character = self._source[self._position + 1 : self._position + 2]
        if character.lower() in _CLASSES and character:
            self._position += 2
            ranges = _CLASSES[character.lower()]
            return ranges if character.islower() else complement(ranges)
        is_letter = character.isascii() and character.isalnum()
        if not character or (is_letter and character not in _CONTROLS):
            raise self._refused_escape(character)
        self._position += 2
        literal = ord(_CONTROLS.get(character, character))
        return ((literal, literal),)

    def _refused_escape(self, character: str) -> RegexError:
        start, end = self._position, self._position + 1 + len(character)
        category = _CATEGORY.match(self._source, start)
        if category:
            end = category.end()
        return RegexError(
            f'"{self._source[start:end]}" is not supported',
            start,
            end,
            expected=("\\d \\w \\s \\D \\W \\S", "an escaped punctuation mark"),
            replacement=self._source[:start] + ("\\w" if category else "") + self._source[end:],
        )

    def _class(self) -> Pattern:
        opening = self._position
        self._position += 1
        negated = self._peek() == "^"
        if negated:
            self._position += 1
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            if not self._peek():
                raise RegexError(
                    'expected "]", found the end of the expression',
                    opening,
                    len(self._source),
                    expected=('"]"',),
                    replacement=f"{self._source[:opening]}\\{self._source[opening:]}",
                )
            ranges.extend(self._class_item())
        self._position += 1
        if not ranges:
            self._position = opening
            rest = self._source[opening + 1 :].replace("]", "\\]", 1)
            raise self._error(
                "a class has at least one member",
                3 if negated else 2,
                expected=("a member of the class",),
                replacement=f"{self._source[:opening]}\\[{rest}",
            )
        return one_code_point(ranges, negated=negated)

    def _class_item(self) -> Ranges:
        start = self._position
        first = self._class_member()
        following = self._source[self._position + 1 : self._position + 2]
        if self._peek() != "-" or following in ("]", ""):
            return first
        self._position += 1
        last = self._class_member()
        if not _is_single(first) or not _is_single(last) or last[0][0] < first[0][0]:
            length = self._position - start
            self._position = start
            swapped = "-".join(reversed(self._source[start : start + length].split("-", 1)))
            raise self._error(
                f'"{self._source[start : start + length]}" is not a range of code points',
                length,
                expected=("a range from lower to higher",),
                replacement=self._source[:start] + swapped + self._source[start + length :],
            )
        return ((first[0][0], last[0][0]),)

    def _class_member(self) -> Ranges:
        character = self._peek()
        if character == "\\":
            return self._escape_ranges()
        if character == "[":
            raise self._error('"[" inside a class is written "\\["', 1, replacement=self._escaped())
        self._position += 1
        return ((ord(character), ord(character)),)

    def _error(
        self,
        detail: str,
        length: int,
        *,
        expected: tuple[str, ...] = (),
        replacement: str | None = None,
    ) -> RegexError:
        start = self._position
        return RegexError(detail, start, start + length, expected=expected, replacement=replacement)

    def _escaped(self) -> str:
        """The source with a backslash at the place."""
        return f"{self._source[: self._position]}\\{self._source[self._position :]}"

    def _without(self, length: int) -> str:
        """The source without so many characters at the place."""
        return self._source[: self._position] + self._source[self._position + length :]


_SINGLES = {
    "(": _Parser._group,
    "[": _Parser._class,
    "\\": _Parser._escape,
    ".": _Parser._any,
    "*": _Parser._nothing_to_repeat,
    "+": _Parser._nothing_to_repeat,
    "?": _Parser._nothing_to_repeat,
    "{": _Parser._nothing_to_repeat,
    "^": _Parser._anchor,
    "$": _Parser._anchor,
    "}": _Parser._unopened,
    "]": _Parser._unopened,
}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_COUNT_DIGITS


def _is_single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
