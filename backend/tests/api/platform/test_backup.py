"""Backups of the config database, on whichever database the run is."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import zstandard
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections

from app.audit.models import AuditEntry
from app.core.backup import check_backup, restore_backup, write_backup
from app.core.clock import utc_now
from app.core.config_rows import Summary, Tally, encode, is_empty, summary_of
from app.core.db import database_kind
from app.core.errors import Invalid
from app.streams.models import Stream
from app.users.authentication import forget_callers
from app.users.models import Organisation, User
from tests.conftest import PASSWORD, Person, client_with

BACKEND = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(alice: Person, bob: Person, charlie: Person, acme_key: str) -> Summary:
    """Everything that the models can hold, also what is easily lost on the way."""
    AuditEntry.objects.create_for(
        alice.scope,
        action="odd",
        before={"ä": [1, 2.5, None, True, {"$x.y": ""}], "text": 'a"\n\u2028\U0001f600'},
        after="only a text",
    )
    LogEntry.objects.create(
        user_id=alice.user_id,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(bob.user_id),
        object_repr="bob",
        action_flag=ADDITION,
    )
    Session.objects.create(session_key="s" * 32, session_data="x", expire_date=utc_now())
    return summary_of(DEFAULT_DB_ALIAS)


def run(command: str, *arguments: Any) -> str:
    out = io.StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def manage(environment: dict[str, str], *arguments: str) -> str:
    """A command in a process of its own, on another database than this one's; all that it says."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BACKEND,
        env={**os.environ, "ENVIRONMENT": "tests", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def this_database() -> dict[str, str]:
    entry = connections[DEFAULT_DB_ALIAS].settings_dict
    if database_kind() == "mongodb":
        return {"MONGO_DB_NAME": entry["NAME"]}
    return {"DATABASE_URL": f"sqlite:///{entry['NAME']}"}


def lines_of(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read().splitlines(keepends=True)


def write_lines(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(zstandard.ZstdCompressor().compress(b"".join(lines)))


def test_what_was_there_is_there_again(filled: Summary, alice: Person, tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert filled.digest in run("backup", path)
    Stream.objects.for_scope(alice.scope).delete()
    User.objects.filter(pk=alice.user_id).update(email="other@example.com")
    later = User.objects.create_user("later", "later@example.com", "x")
    said = run("restore", path, "--replace")
    assert said.splitlines()[-1] == f"restored and read back, digest {filled.digest}"
    assert "users.user: 3" in said
    assert not User.objects.filter(pk=later.pk).exists()
    assert not Session.objects.exists()
    assert filled.counts == {**summary_of(DEFAULT_DB_ALIAS).counts, "users.refreshtoken": 3}
    client = client_with()
    answer = client.post("/api/auth/login/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200
    signed_in = client_with(Authorization=f"Bearer {answer.json()['access']}")
    assert signed_in.get("/api/v1/users/profile/").json()["email"] == "alice@example.com"
    assert client_with(Authorization="Bearer x").get("/api/v1/users/profile/").status_code == 401


def test_a_session_that_was_ended_since_does_not_come_back(
    filled: Summary, alice: Person, bob: Person, tmp_path: Path
) -> None:
    client = client_with()
    run("backup", tmp_path / "config")
    client.post("/api/auth/logout/", {"refresh": alice.tokens.refresh})
    said = run("restore", tmp_path / "config", "--replace")
    forget_callers()
    assert "nobody is signed in any more" in said
    for person in (alice, bob):
        refresh = {"refresh": person.tokens.refresh}
        assert client.post("/api/auth/refresh/", refresh).status_code == 401
        assert person.client.get("/api/v1/users/profile/").status_code == 401


def test_nobody_else_can_read_a_backup(filled: Summary, tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        run("backup", tmp_path / "config")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["config"]


def test_a_backup_has_a_place_of_its_own(filled: Summary, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    first, second = run("backup").split(": ")[0], run("backup").split(": ")[0]
    assert first != second
    assert Path(first).parent == tmp_path / "backups"
    assert stat.S_IMODE((tmp_path / "backups").stat().st_mode) == 0o700
    assert check_backup(Path(second), using=DEFAULT_DB_ALIAS) == filled


def test_a_file_that_is_there_is_not_written_over(filled: Summary, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        run("backup", path)
    assert path.read_text() == "mine"
    with pytest.raises(CommandError, match=r"cannot write .*No such file"):
        run("backup", tmp_path / "nowhere" / "config")


def test_a_database_with_rows_is_left_alone(filled: Summary, tmp_path: Path) -> None:
    path = tmp_path / "config"
    run("backup", path)
    with pytest.raises(CommandError, match="not empty: --replace"):
        run("restore", path)
    assert "in order" in run("restore", path, "--check")
    assert summary_of(DEFAULT_DB_ALIAS) == filled


def test_an_empty_database_needs_no_leave(tmp_path: Path) -> None:
    assert is_empty(DEFAULT_DB_ALIAS)
    path = tmp_path / "config"
    write_backup(path, using=DEFAULT_DB_ALIAS, now=utc_now())
    restored = restore_backup(path, using=DEFAULT_DB_ALIAS, is_replacing=False)
    assert restored == summary_of(DEFAULT_DB_ALIAS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lines: lines[:-1], "cut off"),
        (lambda lines: lines[:1], "cut off"),
        (lambda lines: [], "no backup of format 1"),
        (lambda lines: lines[1:], "no backup of format 1"),
        (lambda lines: [lines[0], *lines[2:]], "digest is another"),
        (lambda lines: [*lines[:-2], lines[-2].replace(b"a", b"b", 1), lines[-1]], "damaged"),
        (lambda lines: [*lines, lines[1]], "digest is another"),
        (lambda lines: [*lines[:3], b"{\n", *lines[3:]], "cannot be read"),
        (lambda lines: [*lines[:3], b"[]\n", *lines[3:]], "a line is no object"),
        (lambda lines: [*lines[:3], b'{"row":{}}\n', *lines[3:]], "a line is no row"),
        (lambda lines: [*lines[:3], b'{"model":"x"}\n', *lines[3:]], "a line is no row"),
        (lambda lines: [lines[0].replace(b'"audit.', b'"adit.'), *lines[1:]], "lacks migrations"),
        (
            lambda lines: [lines[0].replace(b'"audit.0001_initial",', b""), *lines[1:]],
            "from before the migrations audit",
        ),
    ],
)
def test_a_damaged_backup_changes_nothing(
    filled: Summary, tmp_path: Path, change: Any, complaint: str
) -> None:
    path, changed = tmp_path / "config", tmp_path / "changed"
    run("backup", path)
    write_lines(changed, change(lines_of(path)))
    with pytest.raises(CommandError, match=complaint):
        run("restore", changed, "--replace")
    assert summary_of(DEFAULT_DB_ALIAS) == filled


def with_other_rows(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Writes the backup anew with the rows that `change` gives, its digest right again."""
    header, *rows, _ = lines_of(path)
    tally = Tally()
    kept = []
    for line in rows:
        for row in change(json.loads(line)):
            kept.append(encode(row) + b"\n")
            tally.add(row["model"], encode(row))
    summary = encode({"summary": asdict(tally.summary())}) + b"\n"
    write_lines(path, [header, *kept, summary])


def test_a_row_that_names_a_missing_one_is_refused_or_accepted_knowingly(
    filled: Summary, charlie: Person, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    run("backup", path)
    lost = str(charlie.org_id)
    with_other_rows(path, lambda row: [] if row["row"]["id"] == lost else [row])
    complaint = (
        r"streams\.stream\.organisation_id names 1 of users\.organisation that are not there"
    )
    for arguments in (("--check",), ("--replace",)):
        with pytest.raises(CommandError, match=complaint):
            run("restore", path, *arguments)
    assert summary_of(DEFAULT_DB_ALIAS) == filled
    if database_kind() == "sqlite":
        with pytest.raises(CommandError, match="this database cannot keep all rows"):
            run("restore", path, "--replace", "--accept-dangling")
        assert summary_of(DEFAULT_DB_ALIAS) == filled
        return
    assert "in order" in run("restore", path, "--check", "--accept-dangling")
    run("restore", path, "--replace", "--accept-dangling")
    assert Stream.objects.for_scope(charlie.scope).exists()
    assert not Organisation.objects.filter(pk=charlie.org_id).exists()


def test_rows_that_contradict_each_other_change_nothing(filled: Summary, tmp_path: Path) -> None:
    path = tmp_path / "config"
    run("backup", path)

    def same_name(row: dict[str, Any]) -> list[dict[str, Any]]:
        if row["model"] == "users.user":
            row["row"]["login_name"] = "alice"
        return [row]

    with_other_rows(path, same_name)
    with pytest.raises(CommandError, match="contradict each other"):
        run("restore", path, "--replace")
    assert summary_of(DEFAULT_DB_ALIAS) == filled
    if database_kind() == "mongodb":
        names = connections[DEFAULT_DB_ALIAS].introspection.table_names()
        assert not [name for name in names if name.startswith("replacing_")]


def test_bytes_that_are_no_backup_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"something else")
    with pytest.raises(Invalid, match="cannot be read"):
        check_backup(path, using=DEFAULT_DB_ALIAS)
    with pytest.raises(CommandError, match=r"cannot read .*No such file"):
        run("restore", tmp_path / "nothing")


def test_sqlite_is_copied_whole(filled: Summary, tmp_path: Path) -> None:
    """From the file of the embedded default into the database of this run, and nothing is lost."""
    old, backup = tmp_path / "a b%.sqlite3", tmp_path / "config"
    run("backup", backup)
    source = f"sqlite:///{str(old).replace('%', '%25')}"
    assert not manage({"DATABASE_URL": source}, "migrate", "--verbosity", "0")
    for _ in range(2):
        said = manage({"DATABASE_URL": source}, "restore", str(backup), "--replace")
        assert said.splitlines()[-1] == f"restored and read back, digest {filled.digest}"
    with closing(sqlite3.connect(old)) as file, file:
        # Whoever is signed in when it is copied stays so.
        file.execute(
            "INSERT INTO users_refreshtoken (_id, user_id, jti, family, is_revoked, expires_at)"
            " SELECT _id, _id, _id, _id, 0, '2099-01-01 00:00:00' FROM users_user"
        )
    copy = ("copy_config", "--from", source)
    assert "CommandError: the database is not empty" in manage(this_database(), *copy)
    User.objects.filter(login_name="alice").update(first_name="changed")
    said = manage(this_database(), *copy, "--replace")
    copied = summary_of(DEFAULT_DB_ALIAS)
    assert said.splitlines()[-1] == f"copied and compared, digest {copied.digest}"
    assert copied.counts == filled.counts
    assert filled.counts["users.user"] == 3
    with closing(sqlite3.connect(old)) as file:
        assert file.execute("SELECT count(*) FROM users_user").fetchone() == (3,)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("mongodb://one/elk", "only sqlite"),
        ("sqlite://host/x", "only sqlite"),
        ("sqlite:////nowhere/db", "no file '/nowhere/db'"),
    ],
)
def test_what_cannot_be_copied_from_is_named(source: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run("copy_config", "--from", source)


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"hello", "not a database"), (b"", "no such table")]
)
def test_a_file_that_is_no_config_database_is_not_copied(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "other.sqlite3"
    path.write_bytes(content)
    said = manage(this_database(), "copy_config", "--from", f"sqlite:///{path}")
    assert said.startswith("CommandError: cannot be copied: ")
    assert complaint in said
    assert said.count("\n") == 1
