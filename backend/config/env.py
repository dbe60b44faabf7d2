"""Reads the environment, typed; a value that cannot be used is named with its variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})

HIGHEST_PORT = 65_535


class SettingInvalid(ImproperlyConfigured):
    """A variable is missing or cannot be read; the message names it."""


class Env:
    """The environment of the process. An empty variable counts as not set.

    Every text may instead be given as a file: `NAME_FILE=/run/secrets/name`, as Docker and
    Kubernetes hand out secrets.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def find(self, name: str) -> str | None:
        """The value, or `None` when the variable is not set."""
        value = self._values.get(name, "").strip()
        if value:
            return value
        path = self._values.get(f"{name}_FILE", "").strip()
        if not path:
            return None
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingInvalid(f"{name}_FILE: cannot read {path!r}: {error}") from error

    def text(self, name: str, default: str) -> str:
        found = self.find(name)
        return default if found is None else found

    def integer(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        found = self.find(name)
        if found is None:
            return default
        try:
            value = int(found)
        except ValueError:
            raise SettingInvalid(f"{name}: {found!r} is not a whole number") from None
        if value < least:
            raise SettingInvalid(f"{name}: {value} is less than {least}")
        if most is not None and value > most:
            raise SettingInvalid(f"{name}: {value} is more than {most}")
        return value

    def seconds(self, name: str, default: float, *, most: float | None = None) -> float:
        found = self.find(name)
        if found is None:
            return default
        try:
            value = float(found)
        except ValueError:
            raise SettingInvalid(f"{name}: {found!r} is not a number of seconds") from None
        if not 0 < value < float("inf"):
            raise SettingInvalid(f"{name}: {found!r} is not a positive number of seconds")
        if most is not None and value > most:
            raise SettingInvalid(f"{name}: {value:g} is more than {most:g}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        found = self.find(name)
        if found is None:
            return default
        if found.lower() in _TRUE:
            return True
        if found.lower() in _FALSE:
            return False
        raise SettingInvalid(f"{name}: {found!r} is neither true nor false")

    def words(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """A list, separated by commas."""
        found = self.find(name)
        if found is None:
            return list(default)
        return [word.strip() for word in found.split(",") if word.strip()]

    def choice(self, name: str, default: str, among: Sequence[str]) -> str:
        value = self.text(name, default)
        if value not in among:
            raise SettingInvalid(f"{name}: {value!r} is not one of {', '.join(among)}")
        return value

    def path(self, name: str, default: Path) -> Path:
        found = self.find(name)
        return (default if found is None else Path(found).expanduser()).absolute()

    def file(self, name: str) -> str | None:
        """The path of a file that is there; `None` when the variable is not set."""
        path = self.find(name)
        if path is not None and not Path(path).is_file():
            raise SettingInvalid(f"{name}: there is no file {path!r}")
        return path

    def require(self, *names: str) -> None:
        """Raises `SettingInvalid` that names every one of them that is not set."""
        missing = [name for name in names if self.find(name) is None]
        if missing:
            raise SettingInvalid(f"not set, and there is no default: {', '.join(missing)}")
