"""The page for operators names every setting and every metric, and the links of the pages hold."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).resolve().parents[2]
REPOSITORY = BACKEND.parent
OPERATIONS = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
# Operators rely on these names.
PROMISED = {
    *("SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "CORS_ALLOWED_ORIGINS", "ELASTICSEARCH_HOSTS"),
    *("MONGO_HOST", "MONGO_PORT", "MONGO_USER", "MONGO_PASSWORD", "MONGO_DB_NAME"),
    *("REDIS_HOST", "REDIS_PORT"),
}
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def found(folder: str, pattern: str) -> set[str]:
    return {
        name
        for path in (BACKEND / folder).rglob("*.py")
        for name in re.findall(pattern, path.read_text(encoding="utf-8"))
    }


def test_every_setting_of_the_environment_is_explained() -> None:
    settings = found("config", r'\benv\.\w+\(\s*"([A-Z_]+)"')
    assert len(settings) > 20
    missing = [name for name in settings if f"`{name}`" not in OPERATIONS]
    assert not missing, sorted(missing)


def test_the_example_of_an_environment_names_settings_that_work(tmp_path: Path) -> None:
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert not [name for name in example if f"`{name}`" not in OPERATIONS]
    assert set(example) >= PROMISED
    environment = {"PATH": os.environ["PATH"], **example, "DATA_DIR": str(tmp_path / "data")}
    asked = (sys.executable, "manage.py", "check")
    done = subprocess.run(
        asked, cwd=BACKEND, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_metric_is_explained() -> None:
    metrics = found("app", r'\(\s*"(elkv_[a-z_]+)"')
    assert len(metrics) > 10
    missing = [name for name in metrics if f"`{name}`" not in OPERATIONS]
    assert not missing, sorted(missing)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
