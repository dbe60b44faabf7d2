"""`make run DEMO=1` and the command line: a shop whose logs arrive, and a terminal that finds them."""

import json
import stat
import subprocess
import sys
import time
from pathlib import Path

from tests.process.running import BACKEND
from tests.process.service import Service, Tenant

PATIENCE_SECONDS = 300.0


def elkv(*arguments: str, sent: bytes = b"", expected: int = 0) -> str:
    """What the command line printed."""
    done = subprocess.run(
        [sys.executable, str(BACKEND / "elkv"), *arguments],
        input=sent,
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == expected, done.stderr.decode()
    return (done.stdout + done.stderr).decode()


def test_the_demo_fills_an_organisation_of_its_own_and_goes_on(own_service: Service) -> None:
    own_service.environment["DEMO"] = "1"
    own_service.start()
    own_service.hear("Demo shop receives")
    state = own_service.data_dir / "secrets" / "demo.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    key = json.loads(state.read_text())["key"]
    shop = Tenant(own_service.url, key, "")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (first := shop.count()) < 6 * 3600 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert first >= 6 * 3600
    # Ten come each second; how soon they are found depends on what else the machine does.
    while (later := shop.count()) <= first and time.monotonic() < deadline:
        time.sleep(0.5)
    assert later > first
    assert shop.count("service:checkout level:error") > 0
    assert own_service.join("Acme").count() == 0
    own_service.stop()
    own_service.start()
    own_service.hear("Demo shop receives")
    assert json.loads(state.read_text())["key"] == key


def test_a_file_is_sent_and_found_from_a_terminal(service: Service, tmp_path: Path) -> None:
    tenant = service.join("Terminal")
    file = tmp_path / "app.log"
    file.write_text("first line of a file\nsecond line of a file\n")
    who = ("--url", service.url, "--key", tenant.key)
    assert "2 records accepted" in elkv(*who, "send", str(file))
    assert "1 records accepted" in elkv(
        *who, "send", "-", sent=b'{"message":"piped","level":"error","service":"shell"}\n'
    )
    tenant.send([b'{"message":"the last"}'])
    found = elkv(*who, "search", '"line of a file"')
    assert "first line of a file" in found
    assert "2 found" in found
    assert "ERROR shell piped" in elkv(*who, "search", "level:error")


def test_a_mistake_is_told_in_one_line(service: Service) -> None:
    tenant = service.join("Mistakes")
    told = elkv("--url", service.url, "--key", tenant.key, "search", "a AND (", expected=1)
    assert told.startswith("elkv: the service answered 400")
    told = elkv("--url", service.url, "--key", "elkv_no", "search", "a", expected=1)
    assert "401" in told
