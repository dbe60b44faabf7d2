"""An Elasticsearch of a test's own: to be killed, to hang, to be empty."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

_START_SECONDS = 180.0
_SETTINGS = """\
cluster.name: elkvision-own
discovery.type: single-node
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
path.data: {folder}/data
path.logs: {folder}/logs
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
action.destructive_requires_name: false
"""


class ElasticServer:
    """One node with files of its own, from the programs that infra/dev/services has installed."""

    def __init__(self, *, heap: str = "512m") -> None:
        self._heap = heap
        self._home = _find_home()
        self._folder = Path(tempfile.mkdtemp(prefix="elkv-elastic-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port, transport = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = self._folder / "config"
        shutil.copytree(self._home / "config", config)
        (config / "elasticsearch.yml").write_text(
            _SETTINGS.format(http=self.port, transport=transport, folder=self._folder)
        )
        options = config / "jvm.options"
        lines = options.read_text().splitlines()
        options.write_text("\n".join(line for line in lines if "gc" not in line.lower()) + "\n")
        (self._folder / "data").mkdir()
        (self._folder / "logs").mkdir()

    def start(self) -> float:
        """Waits until it answers; how many seconds that took."""
        before = time.monotonic()
        java = Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1]
        with (self._folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [*self._as_other(), str(self._home / "bin" / "elasticsearch")],
                env={
                    **os.environ,
                    "ES_PATH_CONF": str(self._folder / "config"),
                    "ES_JAVA_HOME": os.environ.get("ES_JAVA_HOME") or str(java),
                    "ES_JAVA_OPTS": f"-Xms{self._heap} -Xmx{self._heap} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
                    "HOME": str(self._folder),
                },
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        while not self.is_answering():
            assert self._process.poll() is None, self._last_words()
            assert time.monotonic() - before < _START_SECONDS, self._last_words()
            time.sleep(0.2)
        return time.monotonic() - before

    def is_answering(self) -> bool:
        try:
            answer = httpx.get(
                f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=3
            )
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def kill(self) -> None:
        """`kill -9`."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)
            self._process = None

    def hang(self) -> None:
        """It accepts connections and answers none, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Ends it, and leaves nothing behind."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        # The program that was started is a launcher: the server is its child in the same group.
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def _as_other(self) -> tuple[str, ...]:
        """Elasticsearch refuses to run as root."""
        if os.getuid():
            return ()
        self._folder.chmod(0o755)
        for path in (self._folder, *self._folder.rglob("*")):
            shutil.chown(path, "elkvision-es")
        return ("setpriv", "--reuid=elkvision-es", "--regid=elkvision-es", "--clear-groups")

    def _last_words(self) -> str:
        return (self._folder / "said").read_text()[-3000:]


def _find_home() -> Path:
    state = Path(
        os.environ.get("SERVICES_DIR")
        or Path(os.environ.get("TMPDIR", "/tmp")) / "elkvision-services"  # noqa: S108
    )
    for home in sorted(state.glob("elasticsearch-*"), reverse=True):
        return home
    raise FileNotFoundError("no Elasticsearch: SERVICES_ENGINE=none infra/dev/services install")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
