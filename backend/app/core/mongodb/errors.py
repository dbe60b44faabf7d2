"""The driver's errors as Django's, so that nobody above has to know the driver."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from bson.errors import BSONError
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WriteError,
)

P = ParamSpec("P")
T = TypeVar("T")

_DUPLICATE_KEY = 11_000
# Who asks is not known, or not allowed to: the operator can mend it.
_NOT_LET_IN = {13, 18}
_TOO_LARGE = 10_334
_TRANSIENT = "TransientTransactionError"
# Of a write that met a server which is no primary any more, or shuts down. As an answer to a whole
# command the driver knows them.
_NOT_PRIMARY = {91, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436}


def as_django_error(error: Exception) -> DatabaseError:
    """The error of Django that says the same: `OperationalError` is what another try, later or by
    itself, may cure."""
    return _kind_of(error)(_text_of(error))


@contextmanager
def translated() -> Iterator[None]:
    """Raises Django's errors for the driver's, with the driver's as their cause.

    The backend translates some by itself, without a word and without telling kinds apart: those are
    translated again from their cause.
    """
    try:
        yield
    except (PyMongoError, BSONError, OverflowError) as error:
        raise as_django_error(error) from error
    except DatabaseError as error:
        if isinstance(error.__cause__, PyMongoError):
            raise as_django_error(error.__cause__) from error.__cause__
        raise


def translates(function: Callable[P, T]) -> Callable[P, T]:
    """`translated` around the whole of a function."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with translated():
            return function(*args, **kwargs)

    return wrapper


def _kind_of(error: Exception) -> type[DatabaseError]:
    match error:
        case DuplicateKeyError():
            return IntegrityError
        case BulkWriteError() if _is_duplicate(error):
            return IntegrityError
        case DocumentTooLarge() | BSONError() | OverflowError():
            return DataError
        # What a majority did not confirm may be written or not, as with a lost connection.
        case ConnectionFailure() | ExecutionTimeout() | WriteConcernError():
            return OperationalError
        case BulkWriteError() if _is_cut_off(error):
            return OperationalError
        case WriteError(code=code) if code in _NOT_PRIMARY:
            return OperationalError
        case PyMongoError() if error.has_error_label(_TRANSIENT):
            return OperationalError
        case OperationFailure(code=code) if code in _NOT_LET_IN:
            return OperationalError
        case OperationFailure(code=code) if code == _TOO_LARGE:
            return DataError
        case _:
            return DatabaseError


def _is_duplicate(error: BulkWriteError) -> bool:
    return any(one.get("code") == _DUPLICATE_KEY for one in _refusals(error))


def _is_cut_off(error: BulkWriteError) -> bool:
    # Without any refusal only the confirmation is missing.
    return all(one.get("code") in _NOT_PRIMARY for one in _refusals(error))


def _text_of(error: Exception) -> str:
    # Of a refused write the driver also shows the row: it would put a person's data into the log.
    if isinstance(error, BulkWriteError):
        said = "; ".join(map(_text_of_refusal, _refusals(error)))
        return said or "the write was not confirmed by a majority"
    if isinstance(error, DuplicateKeyError):
        return _text_of_refusal(error.details or {})
    # Of its report on every server, of the whole answer of one, and of the command that was not
    # allowed, the first part says it.
    text = str(error)
    for rest in (", Timeout:", ", full error: ", " to execute command "):
        text = text.partition(rest)[0]
    return text


def _refusals(error: BulkWriteError) -> list[Mapping[str, Any]]:
    return list((error.details or {}).get("writeErrors", ()))


def _text_of_refusal(details: Mapping[str, Any]) -> str:
    if details.get("code") != _DUPLICATE_KEY:
        return f"the write was refused with code {details.get('code')}"
    return f"duplicate key in {', '.join(details.get('keyPattern', ()))}"
