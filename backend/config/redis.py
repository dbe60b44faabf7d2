"""Redis in the settings, from the environment: one entry, and what Django and Celery make of it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from config.addresses import bracketed
from config.env import HIGHEST_PORT, Env, SettingInvalid

# What Celery is told in place of a URL: `config.celery` puts in the address and the password, which
# a URL among the settings would show to whoever sees a debug page.
BROKER = "redis://"
_FILES = "filesystem://"
MAX_CONNECT_SECONDS = 10.0
MAX_SOCKET_SECONDS = 60.0

_HIGHEST_DB = 1_023
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
# A task that its worker did not acknowledge in so long is given to another one: longer than any
# task may run, else it would be worked on twice at once.
_VISIBILITY_SECONDS = 3_600
_SWEEP_SECONDS = 10
_RESULT_SECONDS = 3_600

Entry = dict[str, Any]


def redis_from_env(env: Env) -> Entry | None:
    """What the `REDIS_…` variables say; `None` without REDIS_HOST: everything is embedded then.

    A dictionary like Django's own for databases: debug pages leave out what is under PASSWORD.
    """
    host = env.find("REDIS_HOST")
    if host is None:
        return None
    return {
        "HOST": host,
        "PORT": env.integer("REDIS_PORT", 6_379, least=1, most=HIGHEST_PORT),
        "DB": env.integer("REDIS_DB", 0, most=_HIGHEST_DB),
        "USER": env.text("REDIS_USER", ""),
        "PASSWORD": env.text("REDIS_PASSWORD", ""),
        "KEY_PREFIX": _prefix(env.text("REDIS_KEY_PREFIX", "elkv")),
        # Nothing may wait for ever: a Redis that went away must not hold a request.
        "CONNECT_SECONDS": env.seconds("REDIS_CONNECT_TIMEOUT", 1.0, most=MAX_CONNECT_SECONDS),
        "SOCKET_SECONDS": env.seconds("REDIS_SOCKET_TIMEOUT", 2.0, most=MAX_SOCKET_SECONDS),
        "MAX_CONNECTIONS": env.integer("REDIS_MAX_CONNECTIONS", 64, least=1),
        **_tls(env),
    }


def broker_from_env(env: Env) -> str:
    """Where background jobs wait: what CELERY_BROKER_URL says, else Redis, else files."""
    return env.text("CELERY_BROKER_URL", _FILES if env.find("REDIS_HOST") is None else BROKER)


def is_of_files(broker: str) -> bool:
    """Whether it is in files, which one worker reads and nobody beside it."""
    return broker.startswith("filesystem:")


def cache_of(entry: Entry | None) -> dict[str, Any]:
    """Django's `default` cache.

    Django's own backend for Redis with two corrections (app.core.redis_cache). It hands every
    option to the client, so that timeouts, TLS and retries are the ones of all our connections, and
    it needs no further package: of what django-redis adds (compression, locks, pickles of choice)
    nothing is used here.
    """
    if entry is None:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    return {
        "BACKEND": "app.core.redis_cache.PrefixedRedisCache",
        "LOCATION": f"{_scheme(entry)}://{_address(entry)}",
        "KEY_PREFIX": f"{entry['KEY_PREFIX']}:cache",
        "OPTIONS": {
            # Django's own takes pickles: who can write to Redis could run code here.
            "serializer": "app.core.redis_cache.JsonSerializer",
            "pool_class": "app.core.redis_cache.BoundedPool",
            "socket_connect_timeout": entry["CONNECT_SECONDS"],
            "socket_timeout": entry["SOCKET_SECONDS"],
            "max_connections": entry["MAX_CONNECTIONS"],
            **_credentials(entry),
            **_checked_certificate(entry),
        },
    }


def celery_of(entry: Entry) -> dict[str, Any]:
    """What Celery needs for Redis as broker and for results: to be put into its configuration, not
    among the settings, because of the password in the URL."""
    url = url_of(entry)
    transport = {
        "global_keyprefix": celery_prefix(entry),
        "socket_connect_timeout": entry["CONNECT_SECONDS"],
        # The worker's own waiting for a message ends after a second.
        "socket_timeout": max(entry["SOCKET_SECONDS"], 2.0),
        "socket_keepalive": True,
        "visibility_timeout": _VISIBILITY_SECONDS,
        # What a killed worker held is looked for this often.
        "unacked_restore_interval": _SWEEP_SECONDS,
        "unacked_restore_throttle": 1,
        # Queues in the order in which a worker names them, the urgent one first.
        "queue_order_strategy": "priority",
    }
    tls = dict.fromkeys(("broker_use_ssl", "redis_backend_use_ssl"), _checked_certificate(entry))
    return {
        "broker_url": url,
        "broker_transport": "config.redis_transport:Transport",
        "broker_transport_options": transport,
        "broker_connection_timeout": entry["CONNECT_SECONDS"],
        "result_backend": url,
        "result_backend_transport_options": {
            "global_keyprefix": f"{entry['KEY_PREFIX']}:result:",
            "retry_policy": {"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
        },
        "result_expires": _RESULT_SECONDS,
        "redis_socket_connect_timeout": entry["CONNECT_SECONDS"],
        "redis_socket_timeout": entry["SOCKET_SECONDS"],
        "redis_max_connections": entry["MAX_CONNECTIONS"],
        **(tls if entry["TLS"] else {}),
    }


def celery_prefix(entry: Entry) -> str:
    """What the keys of Celery's queues begin with."""
    return f"{entry['KEY_PREFIX']}:celery:"


def url_of(entry: Entry) -> str:
    """The URL with everything that is needed to sign in: never to be logged."""
    secret = quote(entry["PASSWORD"], safe="")
    user = quote(entry["USER"], safe="")
    credentials = f"{user}:{secret}@" if user or secret else ""
    return f"{_scheme(entry)}://{credentials}{_address(entry)}"


def _scheme(entry: Entry) -> str:
    return "rediss" if entry["TLS"] else "redis"


def _address(entry: Entry) -> str:
    return f"{bracketed(entry['HOST'])}:{entry['PORT']}/{entry['DB']}"


def _credentials(entry: Entry) -> dict[str, str]:
    found = {"username": entry["USER"], "password": entry["PASSWORD"]}
    return {name: value for name, value in found.items() if value}


def _checked_certificate(entry: Entry) -> dict[str, Any]:
    if not entry["TLS"]:
        return {}
    authority = {"ssl_ca_certs": entry["CA_FILE"]} if entry["CA_FILE"] else {}
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **authority}


def _tls(env: Env) -> Entry:
    """There is no way to leave the server's certificate unchecked."""
    authority = env.file("REDIS_TLS_CA_FILE")
    is_on = env.flag("REDIS_TLS", default=authority is not None)
    if authority is not None and not is_on:
        raise SettingInvalid("REDIS_TLS: is off, but REDIS_TLS_CA_FILE is named")
    return {"TLS": is_on, "CA_FILE": authority or ""}


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise SettingInvalid(
            f"REDIS_KEY_PREFIX: {text!r} is not made of at most 63 letters, digits, '_' and '-'"
        )
    return text
