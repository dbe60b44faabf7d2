"""The database entry of the settings, from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from config.env import HIGHEST_PORT, Env, SettingInvalid

MONGODB_ENGINE = "app.core.mongodb"
MAX_CONNECT_SECONDS = 10.0

_MONGODB_SCHEMES = ("mongodb", "mongodb+srv")
_DEFAULT_NAME = "elk_vision"
_MS_PER_SECOND = 1_000
_SERVER = re.compile(r"(?:[^\[\]:@\s]+|\[[^\[\]@\s]+\])(?::([0-9]{1,5}))?")
# What a server on any system takes as a database's name.
_NAME = re.compile(r"""[^\s\0/\\."$*<>:|?]+""")
_MAX_NAME_BYTES = 63
# How long one may wait to reach a server: what a URL says may not be more either.
_BOUNDED = ("serverselectiontimeoutms", "connecttimeoutms")


def database_from_env(env: Env, data_dir: Path) -> dict[str, Any]:
    """What `DATABASE_URL` says, else MongoDB at `MONGO_HOST`, else SQLite under `data_dir`."""
    url = env.find("DATABASE_URL")
    if url is not None:
        return database_of_url(url, env)
    host = env.find("MONGO_HOST")
    if host is not None:
        return _mongodb_of_variables(host, env)
    return sqlite(data_dir / "db.sqlite3")


def database_of_url(url: str, env: Env) -> dict[str, Any]:
    """`sqlite:////path` or `mongodb://…`; what the URL leaves open is read from `env`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SettingInvalid("DATABASE_URL: cannot be read") from None
    if parts.scheme in _MONGODB_SCHEMES:
        return _mongodb_of_url(url, env)
    if parts.scheme != "sqlite":
        raise SettingInvalid(f"DATABASE_URL: the scheme {parts.scheme!r} is not supported")
    path = unquote(parts.path)[1:]  # sqlite:///relative.db, sqlite:////absolute.db
    if not path:
        raise SettingInvalid("DATABASE_URL: names no file")
    return sqlite(Path(path).absolute())


def sqlite(path: Path) -> dict[str, Any]:
    """Readers never wait for the writer (WAL); writers queue from their first statement
    (IMMEDIATE), so that none fails half-way because another was faster."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        # The threads that answer requests are few and stay, and so do their connections. Opening
        # one for each request costs ten times its queries: whoever closes the last one makes
        # SQLite fold the WAL back into the file.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
            ),
        },
        "TEST": {"NAME": f"{path}.test"},
    }


def _mongodb_of_variables(host: str, env: Env) -> dict[str, Any]:
    options = _options(env)
    user = env.text("MONGO_USER", "")
    if user or env.find("MONGO_PASSWORD") is not None:
        # Who names one of them does not mean to be let in without.
        env.require("MONGO_USER", "MONGO_PASSWORD")
        options["authSource"] = env.text("MONGO_AUTH_SOURCE", "admin")
    port = env.integer("MONGO_PORT", 27_017, least=1, most=HIGHEST_PORT)
    return {
        **_mongodb(env.text("MONGO_DB_NAME", _DEFAULT_NAME), "MONGO_DB_NAME", options),
        "HOST": host,
        "PORT": str(port),
        "USER": user,
        "PASSWORD": env.text("MONGO_PASSWORD", ""),
        "ACCOUNTS": _accounts(env),
    }


def _mongodb_of_url(url: str, env: Env) -> dict[str, Any]:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    if not hosts:
        raise SettingInvalid("DATABASE_URL: names no server")
    if "@" in parts.path or not all(map(_is_server, hosts.split(","))):
        # Such a password would be cut in two, and one half be shown as a part of the address.
        raise SettingInvalid(
            "DATABASE_URL: names no servers that can be reached; in a name or password '/', '?', '#'"
            " and '@' are written as %2F, %3F, %23 and %40"
        )
    user, _, password = credentials.partition(":")
    said = {name.lower(): value for name, value in parse_qsl(parts.query)}
    _check_bounded(said)
    # What stands in the URL goes before our defaults.
    options = {name: value for name, value in _options(env).items() if name.lower() not in said}
    named = env.find("MONGO_DB_NAME")
    variable = "DATABASE_URL" if named is None else "MONGO_DB_NAME"
    name = named or unquote(parts.path.strip("/")) or _DEFAULT_NAME
    return {
        **_mongodb(name, variable, options),
        # Without the password, because settings are shown to developers.
        "HOST": urlunsplit(parts._replace(netloc=hosts)),
        "USER": unquote(user) or env.text("MONGO_USER", ""),
        "PASSWORD": unquote(password) or env.text("MONGO_PASSWORD", ""),
        "ACCOUNTS": _accounts(env),
    }


def _is_server(text: str) -> bool:
    found = _SERVER.fullmatch(text)
    return found is not None and (found[1] is None or 0 < int(found[1]) <= HIGHEST_PORT)


def _accounts(env: Env) -> dict[str, tuple[str, str]]:
    """For `manage.py create_database_users` alone; the service itself needs none of them."""
    found = {}
    for name in ("ADMIN", "READ_ONLY"):
        user = env.find(f"MONGO_{name}_USER")
        if user is not None:
            env.require(f"MONGO_{name}_PASSWORD")
            found[name.lower()] = (user, env.text(f"MONGO_{name}_PASSWORD", ""))
    return found


def _check_bounded(said: Mapping[str, str]) -> None:
    for name in _BOUNDED:
        text = said.get(name, "1")
        if not text.isdecimal() or not 0 < int(text) <= MAX_CONNECT_SECONDS * _MS_PER_SECOND:
            raise SettingInvalid(
                f"DATABASE_URL: {name} must be from 1 to {MAX_CONNECT_SECONDS * _MS_PER_SECOND:g}"
            )


def _mongodb(name: str, variable: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if _NAME.fullmatch(name) is None or len(name.encode()) > _MAX_NAME_BYTES:
        raise SettingInvalid(
            f"{variable}: no database of MongoDB can be called {name!r}: it has at most"
            f" {_MAX_NAME_BYTES} bytes, and none of them is white space or one of"
            ' / \\ . " $ * < > : | ?'
        )
    return {
        "ENGINE": MONGODB_ENGINE,
        "NAME": name,
        "OPTIONS": dict(options),
        "TEST": {"NAME": f"test_{name}"},
    }


def _options(env: Env) -> dict[str, Any]:
    """Of the driver: everything that waits is bounded, and a write counts once most nodes have
    it."""
    connect_seconds = env.seconds("MONGO_CONNECT_TIMEOUT", 3.0, most=MAX_CONNECT_SECONDS)
    connect_ms = max(1, int(connect_seconds * _MS_PER_SECOND))
    options = {
        "appname": "elk-vision",
        "serverSelectionTimeoutMS": connect_ms,
        "connectTimeoutMS": connect_ms,
        "socketTimeoutMS": int(env.seconds("MONGO_SOCKET_TIMEOUT", 20.0) * _MS_PER_SECOND),
        "waitQueueTimeoutMS": int(env.seconds("MONGO_POOL_TIMEOUT", 5.0) * _MS_PER_SECOND),
        "maxPoolSize": env.integer("MONGO_MAX_POOL_SIZE", 50, least=1),
        "minPoolSize": env.integer("MONGO_MIN_POOL_SIZE", 0),
        "maxIdleTimeMS": 60_000,
        "retryWrites": True,
        "retryReads": True,
        "w": "majority",
    }
    replica_set = env.find("MONGO_REPLICA_SET")
    if replica_set is not None:
        options["replicaSet"] = replica_set
    return {**options, **_tls(env)}


def _tls(env: Env) -> dict[str, Any]:
    """There is no way to leave the server's certificate unchecked."""
    authority = env.file("MONGO_TLS_CA_FILE")
    certificate = env.file("MONGO_TLS_CERTIFICATE_KEY_FILE")
    if not env.flag("MONGO_TLS", default=bool(authority or certificate)):
        if authority or certificate:
            raise SettingInvalid("MONGO_TLS: is off, but its files are named")
        return {}
    files = {"tlsCAFile": authority, "tlsCertificateKeyFile": certificate}
    return {"tls": True, **{option: path for option, path in files.items() if path is not None}}
