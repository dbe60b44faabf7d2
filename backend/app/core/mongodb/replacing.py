"""Many collections replaced together: nobody ever sees some new beside some old.

Transactions of MongoDB end after a minute and cannot rename, so the new ones are filled beside the
old ones, under names with a prefix. One document, the mark, then says that they are complete; from
then on whoever connects finishes the renaming, should the process that wrote it be gone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from django.db import OperationalError
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

_MARKS = "elkv_replacement"
_MARK = "complete"
_PREFIX = "replacing_"
_NAMESPACE_NOT_FOUND = 26


class Replacement:
    """Collections that are to take the place of others of the same database."""

    def __init__(self, database: Database[Any], names: Sequence[str]) -> None:
        self._database = database
        self._names = list(names)
        # Of this one alone: what another left behind must never be taken for a part of it.
        self.prefix = f"{_PREFIX}{secrets.token_hex(8)}_"

    def prepare(self) -> None:
        """Makes them, empty, with the indexes of those in place; clears away what others left."""
        # What is marked as complete is not left over.
        finish_replacement(self._database)
        for name in self._beginning_with(_PREFIX):
            self._database.drop_collection(name)
        for name in self._names:
            made = self._database.create_collection(f"{self.prefix}{name}")
            indexes = [
                _copy_of(index)
                for index in self._database[name].list_indexes()
                if index["name"] != "_id_"
            ]
            if indexes:
                made.create_indexes(indexes)

    def complete(self) -> None:
        """They take their places: from the first moment of this on, certainly and all."""
        if len(self._beginning_with(self.prefix)) != len(self._names):
            raise OperationalError("another restore has begun meanwhile")
        mark = {"_id": _MARK, "prefix": self.prefix, "names": self._names}
        self._database[_MARKS].insert_one(mark)
        finish_replacement(self._database)

    def discard(self) -> None:
        """Everything is as it was."""
        for name in self._names:
            self._database.drop_collection(f"{self.prefix}{name}")

    def _beginning_with(self, prefix: str) -> list[str]:
        return self._database.list_collection_names(filter={"name": {"$regex": f"^{prefix}"}})


def finish_replacement(database: Database[Any]) -> None:
    """Finishes what was marked as complete and cut off; several may do it at once."""
    mark = database[_MARKS].find_one({"_id": _MARK})
    if mark is None:
        return
    for name in mark["names"]:
        try:
            database[f"{mark['prefix']}{name}"].rename(name, dropTarget=True)
        except OperationFailure as error:
            # It has its place already.
            if error.code != _NAMESPACE_NOT_FOUND:
                raise
    database[_MARKS].delete_one({"_id": _MARK, "prefix": mark["prefix"]})


def _copy_of(index: Any) -> IndexModel:
    options = {name: value for name, value in index.items() if name not in {"key", "v", "ns"}}
    return IndexModel(list(index["key"].items()), **options)
