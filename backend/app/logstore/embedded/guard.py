"""Failures of tantivy and of the disk, told apart: retry, or set the partition aside."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import ElkError, Unavailable
from app.logstore.embedded.source import Damaged

# No room, no memory, no file handles, a quota or size limit: nothing is wrong with the files.
_PASSING = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EINTR,
        errno.EACCES,
        errno.EROFS,
    }
)
_CODE = re.compile(r"[oO]s error (\d+)|code: (\d+)")


@contextmanager
def told_apart(where: str) -> Iterator[None]:
    """Turns what fails inside into `Unavailable` (retry may help) or `Damaged`, naming the place."""
    try:
        yield
    except (ElkError, AskOtherwise):
        raise
    except Damaged as error:
        error.where = error.where or where
        raise
    except OSError as error:
        if error.errno in _PASSING:
            raise Unavailable(f"{where}: {error.strerror}") from error
        raise Damaged(str(error), where) from error
    except Exception as error:
        if is_passing(str(error)):
            raise Unavailable(f"{where}: {error}") from error
        raise Damaged(str(error), where) from error
    except BaseException as error:
        # A panic of tantivy is no Exception; nothing else of that kind is ours to answer.
        if type(error).__name__ != "PanicException":
            raise
        raise Panicked(str(error), where) from error


class AskOtherwise(Exception):
    """Not a failure: the question has to be put in another way."""


class Panicked(Damaged):
    """tantivy gave up in the middle: over files that are not what they were, or over a query."""


def is_passing(message: str) -> bool:
    """Whether a failure that tantivy tells as text has nothing to do with what is stored."""
    if "LockBusy" in message or "Lockfile" in message:
        return True
    return any(int(first or second) in _PASSING for first, second in _CODE.findall(message))
