"""Secrets are made once, whoever comes first, and only we can read them."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import jwt

from config.secret_files import kept_secret, new_rsa_key, new_secret_key


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    first = kept_secret(path, new_secret_key)
    assert len(first) >= 50
    assert kept_secret(path, new_secret_key) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_of_many_that_start_at_once_all_get_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "key"
    barrier = threading.Barrier(8)
    found: list[str] = []

    def start() -> None:
        barrier.wait()
        found.append(kept_secret(path, new_secret_key))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8


def test_the_key_for_tokens_signs() -> None:
    token = jwt.encode({"a": 1}, new_rsa_key(), algorithm="RS256")
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
