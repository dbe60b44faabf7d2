"""Which database the environment names, and how it is connected to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from config.database import database_from_env
from config.env import Env, SettingInvalid


def entry_of(**values: str) -> dict[str, Any]:
    return database_from_env(Env(values), Path("/data"))


def test_the_variables_of_mongodb_name_the_database() -> None:
    entry = entry_of(
        MONGO_HOST="one:27017,two:27017",
        MONGO_PORT="27018",
        MONGO_USER="elk",
        MONGO_PASSWORD="p@ss:/w#rd%",
        MONGO_DB_NAME="logs",
        MONGO_REPLICA_SET="rs0",
    )
    assert entry["ENGINE"] == "app.core.mongodb"
    assert (entry["HOST"], entry["PORT"]) == ("one:27017,two:27017", "27018")
    assert (entry["USER"], entry["PASSWORD"], entry["NAME"]) == ("elk", "p@ss:/w#rd%", "logs")
    assert entry["OPTIONS"]["authSource"] == "admin"
    assert entry["OPTIONS"]["replicaSet"] == "rs0"
    assert entry["OPTIONS"]["w"] == "majority"
    assert entry["TEST"] == {"NAME": "test_logs"}


def test_a_host_alone_is_enough() -> None:
    entry = entry_of(MONGO_HOST="db")
    assert (entry["PORT"], entry["NAME"], entry["USER"]) == ("27017", "elk_vision", "")
    assert "authSource" not in entry["OPTIONS"]
    assert "tls" not in entry["OPTIONS"]


@pytest.mark.parametrize(("there", "missing"), [("USER", "PASSWORD"), ("PASSWORD", "USER")])
def test_a_user_comes_with_a_password(there: str, missing: str) -> None:
    with pytest.raises(SettingInvalid, match=f"MONGO_{missing}$"):
        entry_of(MONGO_HOST="db", **{f"MONGO_{there}": "elk"})


@pytest.mark.parametrize("name", ["a b", "a/b", "a.b", "a$b", 'a"b', "a\\b", "a\0b", "é" * 32])
def test_a_name_that_no_database_has_is_refused(name: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^MONGO_DB_NAME: "):
        entry_of(MONGO_HOST="db", MONGO_DB_NAME=name)
    with pytest.raises(SettingInvalid, match=r"^DATABASE_URL: "):
        entry_of(DATABASE_URL=f"mongodb://db/{quote(name, safe='')}")
    assert entry_of(MONGO_HOST="db", MONGO_DB_NAME="é-_1" * 12)["NAME"] == "é-_1" * 12


def test_everything_that_waits_is_bounded() -> None:
    options = entry_of(MONGO_HOST="db")["OPTIONS"]
    assert options["serverSelectionTimeoutMS"] == options["connectTimeoutMS"] == 3_000
    assert options["socketTimeoutMS"] == 20_000
    assert options["waitQueueTimeoutMS"] == 5_000
    assert options["maxPoolSize"] == 50
    other = entry_of(
        MONGO_HOST="db",
        MONGO_CONNECT_TIMEOUT="10",
        MONGO_SOCKET_TIMEOUT="1.5",
        MONGO_POOL_TIMEOUT="1",
        MONGO_MAX_POOL_SIZE="5",
        MONGO_MIN_POOL_SIZE="2",
    )["OPTIONS"]
    assert other["connectTimeoutMS"] == 10_000
    assert other["socketTimeoutMS"] == 1_500
    assert (other["maxPoolSize"], other["minPoolSize"]) == (5, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_CONNECT_TIMEOUT", "10.1"),
        ("MONGO_CONNECT_TIMEOUT", "0"),
        ("MONGO_SOCKET_TIMEOUT", "soon"),
        ("MONGO_MAX_POOL_SIZE", "0"),
        ("MONGO_PORT", "65536"),
        ("MONGO_PORT", "mongo"),
        ("MONGO_TLS_CA_FILE", "/nowhere/ca.pem"),
        ("MONGO_TLS_CERTIFICATE_KEY_FILE", "/nowhere/key.pem"),
        ("MONGO_TLS", "maybe"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"^{name}: "):
        entry_of(**{"MONGO_HOST": "db", name: value})


def test_a_url_names_mongodb_and_its_password_is_kept_apart() -> None:
    entry = entry_of(
        DATABASE_URL="mongodb://elk:p%40ss@one:1,two:2/logs?replicaSet=rs0&maxPoolSize=7"
    )
    assert entry["HOST"] == "mongodb://one:1,two:2/logs?replicaSet=rs0&maxPoolSize=7"
    assert (entry["USER"], entry["PASSWORD"], entry["NAME"]) == ("elk", "p@ss", "logs")
    assert "maxPoolSize" not in entry["OPTIONS"]
    assert entry["OPTIONS"]["serverSelectionTimeoutMS"] == 3_000


def test_what_a_url_leaves_open_comes_from_the_variables() -> None:
    entry = entry_of(
        DATABASE_URL="mongodb://one",
        MONGO_DB_NAME="other",
        MONGO_USER="elk",
        MONGO_PASSWORD="secret",
        MONGO_HOST="elsewhere",
    )
    assert (entry["HOST"], entry["NAME"]) == ("mongodb://one", "other")
    assert (entry["USER"], entry["PASSWORD"]) == ("elk", "secret")
    assert entry_of(DATABASE_URL="mongodb://one")["NAME"] == "elk_vision"


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        "mongodb:///logs",
        "mongodb://[::1/logs",
        "mongodb://one:99999/logs",
        "mongodb://one:1,two:0/logs",
        "mongodb://one:1,,two/logs",
        "mongodb://elk:pa/ss@one/logs",
        "mongodb://elk:12/34@one/logs",
        "mongodb://elk:p@ss/w@one/logs",
        "mongodb://one/logs?connectTimeoutMS=10001",
        "mongodb://one/logs?serverSelectionTimeoutMS=0",
        "mongodb://one/logs?SERVERSELECTIONTIMEOUTMS=never",
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^DATABASE_URL: ") as raised:
        entry_of(DATABASE_URL=url)
    assert "elk" not in str(raised.value)


@pytest.mark.parametrize(
    "hosts", ["one", "one:1,two:65535", "[::1]:27017", "[fe80::1%25eth0]", "%2Ftmp%2Fmongodb.sock"]
)
def test_servers_are_named_as_mongodb_names_them(hosts: str) -> None:
    entry = entry_of(DATABASE_URL=f"mongodb://elk:p%2Fss@{hosts}/logs")
    assert (entry["HOST"], entry["PASSWORD"]) == (f"mongodb://{hosts}/logs", "p/ss")


def test_the_files_of_tls_turn_it_on(tmp_path: Path) -> None:
    authority, certificate = tmp_path / "ca.pem", tmp_path / "key.pem"
    authority.touch()
    certificate.touch()
    options = entry_of(
        MONGO_HOST="db",
        MONGO_TLS_CA_FILE=str(authority),
        MONGO_TLS_CERTIFICATE_KEY_FILE=str(certificate),
    )["OPTIONS"]
    assert options["tls"] is True
    assert options["tlsCAFile"] == str(authority)
    assert options["tlsCertificateKeyFile"] == str(certificate)
    assert entry_of(MONGO_HOST="db", MONGO_TLS="on")["OPTIONS"]["tls"] is True
    with pytest.raises(SettingInvalid, match=r"^MONGO_TLS: "):
        entry_of(MONGO_HOST="db", MONGO_TLS="off", MONGO_TLS_CA_FILE=str(authority))


def test_sqlite_stays_where_it_is_without_any_of_them() -> None:
    assert entry_of()["NAME"] == "/data/db.sqlite3"
    url = "sqlite:////elsewhere/db"
    assert entry_of(DATABASE_URL=url, MONGO_HOST="db")["NAME"] == "/elsewhere/db"


def test_the_accounts_of_the_operator_come_with_their_passwords() -> None:
    accounts = {"MONGO_ADMIN_USER": "root", "MONGO_ADMIN_PASSWORD": "r"}
    assert entry_of(MONGO_HOST="db", **accounts)["ACCOUNTS"] == {"admin": ("root", "r")}
    assert entry_of(DATABASE_URL="mongodb://db")["ACCOUNTS"] == {}
    with pytest.raises(SettingInvalid, match="MONGO_READ_ONLY_PASSWORD"):
        entry_of(MONGO_HOST="db", MONGO_READ_ONLY_USER="reader")
