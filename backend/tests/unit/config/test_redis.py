"""Whether there is a Redis, and what Django and Celery are told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.env import Env, SettingInvalid
from config.redis import cache_of, celery_of, redis_from_env, url_of


def entry_of(**values: str) -> dict[str, Any]:
    entry = redis_from_env(Env({"REDIS_HOST": "cache", **values}))
    assert entry is not None
    return entry


def test_without_a_host_there_is_no_redis() -> None:
    assert redis_from_env(Env({"REDIS_PORT": "1", "REDIS_PASSWORD": "x"})) is None
    assert cache_of(None)["BACKEND"].endswith("LocMemCache")


def test_a_host_alone_is_enough() -> None:
    entry = entry_of()
    assert (entry["PORT"], entry["DB"], entry["USER"], entry["PASSWORD"]) == (6379, 0, "", "")
    assert (entry["TLS"], entry["KEY_PREFIX"]) == (False, "elkv")
    assert url_of(entry) == "redis://cache:6379/0"


def test_everything_that_waits_is_bounded() -> None:
    entry = entry_of()
    assert (entry["CONNECT_SECONDS"], entry["SOCKET_SECONDS"]) == (1, 2)
    other = entry_of(
        REDIS_CONNECT_TIMEOUT="10", REDIS_SOCKET_TIMEOUT="1.5", REDIS_MAX_CONNECTIONS="5"
    )
    options = cache_of(other)["OPTIONS"]
    assert (options["socket_connect_timeout"], options["socket_timeout"]) == (10, 1.5)
    assert options["max_connections"] == 5
    celery = celery_of(other)
    assert celery["broker_connection_timeout"] == 10
    assert celery["broker_transport_options"]["socket_connect_timeout"] == 10
    assert celery["broker_transport_options"]["socket_timeout"] == 2
    assert (celery["redis_socket_connect_timeout"], celery["redis_socket_timeout"]) == (10, 1.5)


def test_a_password_with_odd_signs_arrives_and_is_where_debug_pages_leave_it_out() -> None:
    entry = entry_of(REDIS_USER="elk vision", REDIS_PASSWORD="p@ss:/w#rd%", REDIS_DB="3")
    assert url_of(entry) == "redis://elk%20vision:p%40ss%3A%2Fw%23rd%25@cache:6379/3"
    cache = cache_of(entry)
    assert cache["LOCATION"] == "redis://cache:6379/3"
    assert cache["OPTIONS"]["password"] == "p@ss:/w#rd%"
    assert cache["OPTIONS"]["username"] == "elk vision"


def test_an_address_of_ipv6_gets_its_brackets() -> None:
    assert url_of(entry_of(REDIS_HOST="::1")) == "redis://[::1]:6379/0"


def test_an_authority_alone_turns_tls_on_everywhere(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    entry = entry_of(REDIS_TLS_CA_FILE=str(authority))
    checked = {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(authority),
    }
    assert url_of(entry).startswith("rediss://")
    assert checked.items() <= cache_of(entry)["OPTIONS"].items()
    celery = celery_of(entry)
    assert celery["broker_use_ssl"] == celery["redis_backend_use_ssl"] == checked
    public = celery_of(entry_of(REDIS_TLS="on"))["broker_use_ssl"]
    assert public == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert "broker_use_ssl" not in celery_of(entry_of())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"REDIS_PORT": "65536"}, "REDIS_PORT"),
        ({"REDIS_PORT": "0"}, "REDIS_PORT"),
        ({"REDIS_DB": "-1"}, "REDIS_DB"),
        ({"REDIS_CONNECT_TIMEOUT": "11"}, "REDIS_CONNECT_TIMEOUT"),
        ({"REDIS_SOCKET_TIMEOUT": "61"}, "REDIS_SOCKET_TIMEOUT"),
        ({"REDIS_MAX_CONNECTIONS": "0"}, "REDIS_MAX_CONNECTIONS"),
        ({"REDIS_KEY_PREFIX": "a b"}, "REDIS_KEY_PREFIX"),
        ({"REDIS_KEY_PREFIX": "*"}, "REDIS_KEY_PREFIX"),
        ({"REDIS_TLS_CA_FILE": "/nowhere"}, "REDIS_TLS_CA_FILE"),
        ({"REDIS_TLS": "maybe"}, "REDIS_TLS"),
    ],
)
def test_what_cannot_be_used_is_named(values: dict[str, str], named: str) -> None:
    with pytest.raises(SettingInvalid, match=named):
        entry_of(**values)


def test_tls_that_is_off_with_an_authority_is_refused(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    with pytest.raises(SettingInvalid, match="REDIS_TLS"):
        entry_of(REDIS_TLS="off", REDIS_TLS_CA_FILE=str(authority))
