"""`make run`: everything that a laptop needs, as one group of processes over one directory.

Binds the port before anything else, so that a port in use costs nothing, and so that a web server
that is being restarted refuses no connection: they wait in the queue of the listening socket.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.core.clock import SYSTEM_CLOCK
from app.core.file_lock import LockFile
from config.addresses import bracketed
from config.env import HIGHEST_PORT, Env, SettingInvalid
from config.environments import choose_settings
from config.first_start import (
    fingerprint_of_code,
    fingerprint_of_database,
    is_prepared,
    write_stamp,
)
from config.job_parts import job_parts
from config.spawn import spawn, wait
from config.supervisor import Part, Supervisor, describe_end

BACKEND_DIR = Path(__file__).resolve().parents[1]
BACKLOG = 2048
# After a kill the children of the group before need a moment to die and let go of the directory.
LOCK_SECONDS = 5.0
READY_SECONDS = 60.0
RETRY_SECONDS = 0.1
IPV4 = 4


class CannotStart(Exception):
    """Why nothing was started, for the operator."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the environment asks for."""

    host: str
    port: int
    data_dir: Path
    is_demo: bool

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Options:
        """Raises `SettingInvalid` with the name of the variable that cannot be used."""
        env = Env(environ)
        return cls(
            host=env.text("HOST", "127.0.0.1"),
            port=env.integer("PORT", 8000, most=HIGHEST_PORT),
            data_dir=env.path("DATA_DIR", BACKEND_DIR.parent / "data"),
            is_demo=env.flag("DEMO", default=False),
        )


def main() -> None:
    """Runs until SIGTERM or Ctrl-C; ends with status 1 and one sentence if it cannot start."""
    try:
        options = Options.read(os.environ)
        choose_settings(os.environ)
        os.environ["DATA_DIR"] = str(options.data_dir)
        os.chdir(BACKEND_DIR)
        listener = listen(options.host, options.port)
        lock = lock_directory(options.data_dir)
        _clear_run_directory(options.data_dir)
        url = url_of(options.host, listener.getsockname()[1])
        welcome = prepare(options.data_dir, url)
    except (CannotStart, SettingInvalid) as error:
        sys.exit(f"elk-vision: {error}")
    supervisor = Supervisor(
        parts_of(options, url, listener),
        say=_say,
        clock=SYSTEM_CLOCK,
        inherited=(lock.fileno(),),
    )
    threading.Thread(
        target=_announce, args=(url, options.data_dir, welcome), name="announce", daemon=True
    ).start()
    supervisor.run()
    _say("stopped")


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; raises `CannotStart` in words that name the way out."""
    where = f"{host} port {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return _bound(socket.socket(family, kind, protocol), address)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {where}: {error.strerror}. Another one: PORT=8001 make run"
        ) from error


def _bound(listener: socket.socket, address: tuple[Any, ...]) -> socket.socket:
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def lock_directory(directory: Path) -> LockFile:
    """Holds the directory for this group; the children inherit it, and it ends with the last."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = LockFile(directory / "group.lock")
    except OSError as error:
        raise CannotStart(f"cannot use DATA_DIR={directory}: {error.strerror}") from error
    deadline = time.monotonic() + LOCK_SECONDS
    while not lock.take():
        if time.monotonic() > deadline:
            lock.close()
            raise CannotStart(f"DATA_DIR={directory} is in use by another running group")
        time.sleep(RETRY_SECONDS)
    return lock


def url_of(host: str, port: int) -> str:
    """Where this machine reaches it."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    name = str(address)
    if address.is_unspecified:
        name = "127.0.0.1" if address.version == IPV4 else "::1"
    return f"http://{bracketed(name)}:{port}"


def prepare(data_dir: Path, url: str) -> str:
    """Migrates and makes the first account where needed; what first_run has to say, or nothing."""
    stamp = data_dir / "migrated"
    env = Env(os.environ)
    is_ours = env.find("DATABASE_URL") is None and env.find("MONGO_HOST") is None
    path = data_dir / "db.sqlite3"
    code = fingerprint_of_code(BACKEND_DIR)
    if is_ours and is_prepared(stamp, code=code, database=fingerprint_of_database(path)):
        return ""
    _say("preparing the database")
    _manage(data_dir, "migrate", "--no-input", "--verbosity", "0")
    welcome = _manage(data_dir, "first_run", "--url", url)
    if is_ours:
        write_stamp(stamp, code=code, database=fingerprint_of_database(path))
    return welcome


def parts_of(options: Options, url: str, listener: socket.socket) -> tuple[Part, ...]:
    """What runs: web with the ingest edge, shipper, worker and beat, and the demo if wanted."""
    descriptor = listener.fileno()
    web = Part("web", ("config.serve", str(descriptor)), inherited=(descriptor,))
    shipper = Part("shipper", ("manage.py", "shipper"))
    jobs = job_parts(Env(os.environ))
    has_journal = Env(os.environ).text("JOURNAL_MODE", "local") == "local"
    parts: tuple[Part, ...] = (web, *([shipper] if has_journal else []), *jobs)
    if options.is_demo:
        state = options.data_dir / "secrets" / "demo.json"
        parts = (*parts, Part("demo", ("app.cli", "--url", url, "demo", "--state", str(state))))
    return parts


def _manage(data_dir: Path, *arguments: str) -> str:
    """What the management command printed; raises `CannotStart` if it failed."""
    output = data_dir / f".{arguments[0]}"
    try:
        returncode = wait(spawn(("manage.py", *arguments), output=output))
        if returncode:
            raise CannotStart(f"manage.py {arguments[0]} {describe_end(returncode)}")
        return output.read_text(encoding="utf-8")
    finally:
        # It may hold the administrator's password.
        output.unlink(missing_ok=True)


def _clear_run_directory(data_dir: Path) -> None:
    # Sockets and metric files of the group before: with the lock held nobody uses them.
    directory = Env(os.environ).path("RUN_DIR", data_dir / "run")
    shutil.rmtree(directory / "metrics", ignore_errors=True)


def _announce(url: str, data_dir: Path, welcome: str) -> None:
    """Tells the operator where it listens, once the web server answers."""
    if answers(url, READY_SECONDS):
        _say(f"listening on {url}, data in {data_dir}")
    else:
        _say(f"{url} does not answer yet; what the web server said stands above")
    if welcome:
        sys.stdout.write(welcome)
        sys.stdout.flush()


def answers(url: str, seconds: float) -> bool:
    """Whether the web server answers within that time; a connection waits until it is up."""
    address = urlsplit(url)
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=left)
        try:
            connection.request("GET", "/health/live/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(RETRY_SECONDS)
        else:
            return True
        finally:
            connection.close()
    return False


def _say(sentence: str) -> None:
    try:
        sys.stdout.write(f"elk-vision: {sentence}\n")
        sys.stdout.flush()
    except OSError:
        # Nobody reads any more; that is no reason to stop keeping logs safe.
        return


if __name__ == "__main__":
    main()
