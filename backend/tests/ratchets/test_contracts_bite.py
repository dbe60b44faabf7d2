"""The import contracts refuse what they are there to refuse: tried on a copy of the tree.

A contract that matches nothing looks just like one that holds. So each wrong import is made, and
the contract that must object is named beside it.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("lint-imports")

LAYERS = "Packages form one stack, and every new package must declare its place"
INGEST = "Ingest is a stack of its own, and every new part declares its place"
INSIDE = "HTTP and tasks call services; services call models; never upward"
PURE = "The thinking parts know no framework and no vendor"
PROTOCOLS = "Protocols and channels do not know each other"
STORES_NOTHING = "What answers senders knows nothing of what stores"
THIN = "Views and tasks reach data only through services and selectors"

WRONG = [
    ("app/query/parser.py", "import django", PURE),
    ("app/query/tree.py", "from app.logstore import types", LAYERS),
    ("app/logs/search.py", "import elasticsearch", "One package speaks to Elasticsearch"),
    ("app/ingest/shipping/shipper.py", "import tantivy", "One package speaks to tantivy"),
    ("app/ingest/edge/asgi.py", "import lmdb", "One package opens the journal's file"),
    ("app/users/login_throttle.py", "import redis", "Two modules open connections to Redis"),
    ("app/logs/selectors.py", "import pymongo", "Only core.db and the engine touch the driver"),
    ("app/logs/services.py", "from app.alerts import services as s", LAYERS),
    ("app/dashboards/services.py", "from app.alerts import services as s", LAYERS),
    ("app/dashboards/services.py", "from app.users import models as m", "users.models is private"),
    ("app/alerts/models.py", "from app.alerts import services", INSIDE),
    ("app/alerts/services.py", "from app.alerts import tasks", INSIDE),
    ("app/alerts/engine/lifecycle.py", "from app.alerts import models", INSIDE),
    ("app/alerts/engine/lifecycle.py", "from django.utils import timezone", PURE),
    ("app/ingest/protocols/otlp.py", "from app.ingest.protocols import loki", PROTOCOLS),
    ("app/ingest/protocols/otlp.py", "import starlette", PURE),
    ("app/ingest/normalising/normalise.py", "from django.utils import timezone", PURE),
    ("app/ingest/edge/intake.py", "from app.ingest.shipping import shipper", STORES_NOTHING),
    ("app/ingest/edge/native.py", "from app.ingest.normalising import normalise", STORES_NOTHING),
    ("app/ingest/protocols/hec.py", "from app.ingest.normalising import levels", STORES_NOTHING),
    ("app/ingest/edge/asgi.py", "from app.ingest.through import storing", INGEST),
    ("app/ingest/through/storing.py", "from app.ingest.edge import intake", INGEST),
    ("app/ingest/shipping/shipper.py", "from app.ingest.edge import auth", INGEST),
    ("app/ingest/shipping/prefetch.py", "from app.ingest.through import retried", INGEST),
    ("app/ingest/shipping/saying.py", "from app.ingest.protocols import records", INGEST),
    ("app/ingest/normalising/alike.py", "from app.ingest.shipping import pace", INGEST),
    ("app/ingest/reading.py", "from app.ingest.protocols import ndjson", INGEST),
    ("app/ingest/edge/quotas.py", "from app.ingest import models", "ingest.models is private"),
    ("app/ingest/edge/auth.py", "from django.utils import timezone", "The edge knows Django only"),
    (
        "app/logstore/elastic/store.py",
        "from app.logstore.embedded import mapping",
        "Stores do not know each other",
    ),
    ("app/alerts/services.py", "from app.ingest import edge", "Only config mounts the ingest edge"),
    ("app/cli/main.py", "from app.logs import search", "The command line talks HTTP"),
    ("app/core/ids.py", "from app.users import selectors", LAYERS),
    ("app/core/ids.py", "from config.settings import base", "Nothing in app reads config"),
    ("app/logs/api/views.py", "from app.logs import models", THIN),
    ("app/logs/search.py", "from app.ingest import edge", "Only config mounts the ingest edge"),
]
CYCLE = {"a": "from app.telemetry import b\n", "b": "from app.telemetry import a\n"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, to be spoilt."""
    copy = tmp_path_factory.mktemp("backend")
    for package in ("app", "config"):
        shutil.copytree(
            BACKEND / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(BACKEND / "pyproject.toml", copy)
    return copy


def broken(tree: Path) -> dict[str, str]:
    """Each broken contract with what is said about it."""
    done = subprocess.run(
        [PROGRAM, "--no-cache"],
        cwd=tree,
        env={"PYTHONPATH": str(tree)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    names = re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE)
    told = done.stdout.partition("Broken contracts")[2]
    parts = re.split(r"^(.+)\n-+\n", told, flags=re.MULTILINE)
    said = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert set(names) == {name for name in said if name in names}, done.stdout + done.stderr
    assert "KEPT" in done.stdout, done.stdout + done.stderr
    return {name: said[name] for name in names}


@pytest.fixture(scope="module")
def objections(tree: Path) -> dict[str, str]:
    """What the contracts say when all the wrong imports are there at once."""
    assert broken(tree) == {}
    for name, line, _ in WRONG:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{line}\n")
        # What is imported has to be there to be a part of the picture.
        package, _, module = line.removeprefix("from ").partition(" import ")
        target = tree / package.replace(".", "/") / f"{module.split(' ')[0]}.py"
        if module and target.parent.is_dir() and not target.with_suffix("").is_dir():
            target.touch()
    for name, line in CYCLE.items():
        (tree / "app" / "telemetry" / f"{name}.py").write_text(line)
    return broken(tree)


@pytest.mark.parametrize(("name", "line", "contract"), WRONG)
def test_a_wrong_import_is_refused_by_its_contract(
    objections: dict[str, str], name: str, line: str, contract: str
) -> None:
    importer = name.removesuffix(".py").replace("/", ".")
    package, _, module = line.removeprefix("from ").removeprefix("import ").partition(" import ")
    own = package.startswith(("app.", "config."))
    imported = f"{package}.{module.split(' ')[0]}" if own else package.split(".")[0]
    said = "".join(text for title, text in objections.items() if title.startswith(contract))
    assert re.search(rf"{re.escape(importer)}\s*->\s*{re.escape(imported)}\b", said), said


def test_a_cycle_inside_a_package_is_refused(objections: dict[str, str]) -> None:
    said = objections["No cycles at any depth"]
    assert "No cycles are allowed in app.telemetry" in said


def test_an_unplanned_package_is_refused(tmp_path: Path) -> None:
    for package in ("app", "config"):
        shutil.copytree(BACKEND / package, tmp_path / package)
    shutil.copy(BACKEND / "pyproject.toml", tmp_path)
    for container in ("app", "app/ingest"):
        (tmp_path / container / "utils").mkdir()
        (tmp_path / container / "utils" / "__init__.py").touch()
    said = broken(tmp_path)
    assert "utils" in said[LAYERS]
    assert "utils" in said[INGEST]
