"""Which settings module an environment uses."""

from __future__ import annotations

from collections.abc import MutableMapping

from config.env import Env

_MODULES = {
    "embedded": "config.settings.embedded",
    "development": "config.settings.development",
    "staging": "config.settings.staging",
    "production": "config.settings.production",
    "tests": "config.settings.tests",
    "e2e_test": "config.settings.e2e_test",
}


def choose_settings(environ: MutableMapping[str, str]) -> None:
    """Sets DJANGO_SETTINGS_MODULE from ENVIRONMENT unless it is set; call it before Django."""
    if environ.get("DJANGO_SETTINGS_MODULE"):
        return
    name = Env(environ).choice("ENVIRONMENT", "embedded", tuple(_MODULES))
    environ["DJANGO_SETTINGS_MODULE"] = _MODULES[name]
