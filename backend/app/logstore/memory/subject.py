"""A record as a filter sees it: the values of its fields and the tokens of its message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from app.logstore.schema import Leaf, leaves_of
from app.logstore.types import RoutedRecord, StoredRecord
from app.query import fields, words
from app.query.fields import Field
from app.query.filters import Scalar

AnyRecord = RoutedRecord | StoredRecord

# The attribute of a record that holds a built-in field, where the two are spelled differently.
_SPELLED_OTHERWISE = {
    fields.TIMESTAMP.name: "timestamp_ns",
    fields.OBSERVED_AT.name: "observed_ns",
}


class Subject:
    """One record, with its leaves and tokens worked out at most once, when first asked for.

    Search sees the first MAX_LEAVES leaves of `attributes` and no more (`schema.leaves_of`). A path
    means a leaf's whole dotted path: `a` is neither `ab` nor `a.b`; the empty path and paths of
    empty keys are paths like any other.
    """

    def __init__(self, record: AnyRecord) -> None:
        self.record = record

    @cached_property
    def leaves(self) -> list[Leaf]:
        """(path, value) of every leaf that search sees."""
        return leaves_of(dict(self.record.attributes))[0]

    @cached_property
    def tokens(self) -> list[words.Token]:
        """The tokens of `message`, in order."""
        return words.tokens(self.record.message)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The texts of the tokens, in order."""
        return words.token_texts(self.record.message)

    def values_of(self, field: Field) -> Sequence[Scalar]:
        """The field's values; of an attribute those at the path itself, not below it."""
        if field.is_attribute:
            return [value for path, value in self.leaves if path == field.name]
        value = getattr(self.record, _SPELLED_OTHERWISE.get(field.name, field.name))
        return () if value is None else (value,)

    def has(self, field: Field) -> bool:
        """Whether the field exists: a value, or for an attribute a leaf at the path or below it.

        Below means behind a dot: `a` exists where `a.b` is a leaf, not where only `ab` is.
        """
        if not field.is_attribute:
            return bool(self.values_of(field))
        below = f"{field.name}."
        return any(path == field.name or path.startswith(below) for path, _ in self.leaves)
