"""What `make run` reads from the environment, and what it says when it cannot start."""

import socket
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from config.env import SettingInvalid
from config.run import CannotStart, Options, listen, lock_directory, url_of


def test_nothing_set_means_port_8000_on_this_machine_only() -> None:
    options = Options.read({})
    assert (options.host, options.port, options.is_demo) == ("127.0.0.1", 8000, False)
    assert options.data_dir.name == "data"


def test_port_host_and_directory_come_from_the_environment(tmp_path: Path) -> None:
    options = Options.read({"PORT": "9", "HOST": "::", "DATA_DIR": str(tmp_path), "DEMO": "1"})
    assert options == Options("::", 9, tmp_path, is_demo=True)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("PORT", "70000"), ("PORT", "-1"), ("DEMO", "maybe")]
)
def test_a_value_that_cannot_be_used_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        Options.read({name: value})


def test_a_port_in_use_is_said_with_a_way_out() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"127\.0\.0\.1 port {port}.*PORT="):
            listen("127.0.0.1", port)


def test_a_host_that_does_not_exist_is_said() -> None:
    with pytest.raises(CannotStart, match=r"no-such-host\.invalid"):
        listen("no-such-host.invalid", 0)


def test_a_bound_port_is_listened_on() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as us:
        accepted, address = listener.accept()
        accepted.close()
        assert address == us.getsockname()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"DATA_DIR=.*file/data"):
        lock_directory(tmp_path / "file" / "data")


def test_a_lock_file_left_behind_hinders_nobody(tmp_path: Path) -> None:
    (tmp_path / "group.lock").write_text("left behind")
    with closing(lock_directory(tmp_path)) as lock:
        assert lock.take()


def test_two_groups_never_share_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.run.LOCK_SECONDS", 0.1)
    with closing(lock_directory(tmp_path)), pytest.raises(CannotStart, match="in use by another"):
        lock_directory(tmp_path)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        (str(IPv4Address(0)), "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("fe80::1", "http://[fe80::1]:80"),
        ("logs.internal", "http://logs.internal:80"),
    ],
)
def test_the_address_that_is_printed_can_be_pasted(host: str, url: str) -> None:
    assert url_of(host, 80) == url
