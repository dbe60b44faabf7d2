"""The environment, typed; what cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.database import database_from_env
from config.env import Env, SettingInvalid
from config.environments import choose_settings


def test_an_empty_variable_is_not_set() -> None:
    env = Env({"A": " ", "B": ""})
    assert env.find("A") is None
    assert env.text("B", "default") == "default"
    assert env.integer("A", 7) == 7
    assert env.seconds("A", 1.5) == 1.5
    assert env.flag("A", default=True) is True
    assert env.words("A", ["x"]) == ["x"]
    assert env.path("A", Path("/srv/x")) == Path("/srv/x")


def test_values_are_read_by_their_type() -> None:
    env = Env({"N": "12", "S": "0.25", "F": "Yes", "W": "a, b ,,c", "C": "one", "P": "relative"})
    assert env.integer("N", 0) == 12
    assert env.seconds("S", 1) == 0.25
    assert env.flag("F", default=False) is True
    assert env.words("W") == ["a", "b", "c"]
    assert env.choice("C", "two", ("one", "two")) == "one"
    assert env.path("P", Path("/x")) == Path.cwd() / "relative"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n", encoding="utf-8")
    assert Env({"KEY_FILE": str(tmp_path / "secret")}).find("KEY") == "s3cret"
    assert Env({"KEY": "own", "KEY_FILE": "/nowhere"}).find("KEY") == "own"
    with pytest.raises(SettingInvalid, match="KEY_FILE"):
        Env({"KEY_FILE": str(tmp_path / "missing")}).find("KEY")


@pytest.mark.parametrize("text", ["x", "1.5", "-1", "1e3"])
def test_a_whole_number_that_is_none_names_its_variable(text: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^NUMBER: "):
        Env({"NUMBER": text}).integer("NUMBER", 1)


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf"])
def test_a_time_that_is_none_names_its_variable(text: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^TIME: "):
        Env({"TIME": text}).seconds("TIME", 1)


def test_flags_and_choices_that_are_none_name_their_variable() -> None:
    with pytest.raises(SettingInvalid, match=r"^FLAG: 'maybe'"):
        Env({"FLAG": "maybe"}).flag("FLAG", default=False)
    with pytest.raises(SettingInvalid, match=r"^LEVEL: 'LOUD' is not one of QUIET"):
        Env({"LEVEL": "LOUD"}).choice("LEVEL", "QUIET", ("QUIET",))


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingInvalid, match="A, C"):
        Env({"B": "x"}).require("A", "B", "C")


def test_the_environment_chooses_the_settings() -> None:
    for name, module in (
        ("", "config.settings.embedded"),
        ("production", "config.settings.production"),
        ("tests", "config.settings.tests"),
    ):
        environ = {"ENVIRONMENT": name}
        choose_settings(environ)
        assert environ["DJANGO_SETTINGS_MODULE"] == module
    chosen = {"ENVIRONMENT": "production", "DJANGO_SETTINGS_MODULE": "mine"}
    choose_settings(chosen)
    assert chosen["DJANGO_SETTINGS_MODULE"] == "mine"
    with pytest.raises(SettingInvalid, match=r"^ENVIRONMENT: 'prod' is not one of"):
        choose_settings({"ENVIRONMENT": "prod"})


def test_the_database_is_sqlite_under_the_data_directory() -> None:
    entry = database_from_env(Env({}), Path("/data"))
    assert entry["NAME"] == "/data/db.sqlite3"
    assert entry["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    elsewhere = Env({"DATABASE_URL": "sqlite:////var/lib/a%20b.db"})
    assert database_from_env(elsewhere, Path("/data"))["NAME"] == "/var/lib/a b.db"


@pytest.mark.parametrize("url", ["postgres://x/y", "sqlite://", "nonsense"])
def test_a_database_that_we_do_not_speak_to_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^DATABASE_URL: "):
        database_from_env(Env({"DATABASE_URL": url}), Path("/data"))


def test_what_is_beyond_the_most_names_its_variable() -> None:
    env = Env({"N": "5", "S": "2.5"})
    assert (env.integer("N", 1, most=5), env.seconds("S", 1, most=2.5)) == (5, 2.5)
    with pytest.raises(SettingInvalid, match=r"^N: 5 is more than 4$"):
        env.integer("N", 1, most=4)
    with pytest.raises(SettingInvalid, match=r"^S: 2\.5 is more than 2$"):
        env.seconds("S", 1, most=2)


def test_a_file_that_is_not_there_names_its_variable(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    env = Env({"THERE": str(tmp_path / "ca.pem"), "GONE": str(tmp_path / "gone.pem")})
    assert (env.file("THERE"), env.file("NONE")) == (str(tmp_path / "ca.pem"), None)
    with pytest.raises(SettingInvalid, match=r"^GONE: there is no file"):
        env.file("GONE")
