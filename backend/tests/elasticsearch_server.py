"""Elasticsearch nodes of a test's own: to be killed, or with limits that are met easily."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError

from tests.ports import free_port

_START_SECONDS = 300
_UNAUTHORISED = 401
# Elasticsearch refuses to run as root; `infra/dev/services` makes this user for the same reason.
_OTHER_USER = "elkvision-es"
_CONFIGURATION = ("jvm.options", "log4j2.properties")
_HEAP = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1"


def find_elasticsearch() -> Path:
    """Where the distribution is; an error says how to get it."""
    named = os.environ.get("ELASTICSEARCH_HOME")
    if named:
        return Path(named)
    state = Path(
        os.environ.get("SERVICES_DIR")
        or Path(os.environ.get("TMPDIR", "/tmp")) / "elkvision-services"  # noqa: S108
    )
    found = sorted(state.glob("elasticsearch-*/bin/elasticsearch"))
    if not found:
        raise FileNotFoundError("no Elasticsearch: infra/dev/services install")
    return found[-1].parents[1]


class ElasticsearchServer:
    """One node on a port of its own; what it stored outlives `kill` and `start`."""

    def __init__(self, files: Mapping[str, str] | None = None, **settings: str) -> None:
        """`files`: more of the configuration, by name. `settings`: lines of elasticsearch.yml, with
        `__` for dots."""
        self._files = dict(files or {})
        self._folder = Path(tempfile.mkdtemp(prefix="elkv-elasticsearch-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self._transport_port = free_port(), free_port()
        self._settings = {name.replace("__", "."): value for name, value in settings.items()}

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, and waits until it answers and has looked for its shards."""
        home = find_elasticsearch()
        self._prepare(home)
        environment = {
            "ES_PATH_CONF": str(self._folder / "config"),
            "ES_JAVA_OPTS": _HEAP,
            "ES_TMPDIR": str(self._folder / "tmp"),
            "ES_JAVA_HOME": os.environ.get("ES_JAVA_HOME") or str(_java_home()),
            "HOME": str(self._folder),
            "PATH": os.environ["PATH"],
        }
        as_other = []
        if os.geteuid() == 0:
            other = pwd.getpwnam(_OTHER_USER)
            as_other = [
                "setpriv",
                f"--reuid={other.pw_uid}",
                f"--regid={other.pw_gid}",
                "--clear-groups",
            ]
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [*as_other, str(home / "bin" / "elasticsearch")],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._wait()

    def kill(self) -> None:
        """`kill -9` of the node and of what started it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """It accepts connections and answers none, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `hang`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Kills it and removes all that it kept."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self, home: Path) -> None:
        configuration = self._folder / "config"
        if configuration.exists():
            return
        for name in ("config/jvm.options.d", "data", "logs", "tmp"):
            (self._folder / name).mkdir(parents=True)
        for name in _CONFIGURATION:
            shutil.copy(home / "config" / name, configuration / name)
        settings = {
            "cluster.name": f"own-{self.port}",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.port": str(self._transport_port),
            "path.data": str(self._folder / "data"),
            "path.logs": str(self._folder / "logs"),
            "xpack.security.enabled": "false",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **self._settings,
        }
        lines = [f"{name}: {value}\n" for name, value in settings.items()]
        (configuration / "elasticsearch.yml").write_text("".join(lines))
        for name, text in self._files.items():
            (configuration / name).write_text(text)
        if os.geteuid() == 0:
            for path in (self._folder, *self._folder.rglob("*")):
                shutil.chown(path, _OTHER_USER)

    def _wait(self) -> None:
        asked = f"{self.url}/_cluster/health?wait_for_no_initializing_shards=true&timeout=1s"
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(asked, timeout=30):  # noqa: S310 — our own address
                    return
            except HTTPError as error:
                if error.code == _UNAUTHORISED:  # it is up, and asks who we are
                    return
                self._fail_if_over(until)
            except OSError:
                self._fail_if_over(until)
            time.sleep(0.2)

    def _fail_if_over(self, until: float) -> None:
        assert self._process is not None
        if self._process.poll() is not None or time.monotonic() > until:
            said = (self._folder / "out").read_text(errors="replace")[-2_000:]
            self.close()
            raise AssertionError(f"Elasticsearch did not start:\n{said}")


def _java_home() -> Path:
    java = shutil.which("java")
    if java is None:
        raise FileNotFoundError("no java: install a JDK 17 or newer")
    return Path(java).resolve().parents[1]
