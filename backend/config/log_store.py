"""Where logs are kept, from the environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.core.errors import Broken
from app.logstore.elastic.hosts import Hosts, hosts_of
from config.env import Env, SettingInvalid

KINDS = ("elastic", "embedded", "memory")


def log_store_from_env(env: Env, data_dir: Path) -> tuple[str, Path | Hosts]:
    """The kind of the store, and its place: Elasticsearch when `ELASTICSEARCH_HOSTS` is set, else
    files under `data_dir`; `LOG_STORE` may say otherwise."""
    hosts = env.find("ELASTICSEARCH_HOSTS")
    kind = env.choice("LOG_STORE", "embedded" if hosts is None else "elastic", KINDS)
    if kind != "elastic":
        return kind, env.path("LOGS_DIR", data_dir / "logs")
    if hosts is None:
        raise SettingInvalid("ELASTICSEARCH_HOSTS: not set, but LOG_STORE=elastic needs it")
    return kind, _elasticsearch(hosts, env)


def _elasticsearch(text: str, env: Env) -> Hosts:
    prefix = env.find("ELASTICSEARCH_INDEX_PREFIX")
    try:
        hosts = hosts_of(text if prefix is None else f"{text.partition('#')[0]}#{prefix}")
    except Broken as error:
        raise SettingInvalid(f"ELASTICSEARCH_HOSTS: {error.detail}") from None
    options = dict(hosts.options)
    api_key = env.find("ELASTICSEARCH_API_KEY")
    if api_key is not None:
        options["api_key"] = api_key
    authorities = env.file("ELASTICSEARCH_CA_CERTS")
    if authorities is not None:
        options["ca_certs"] = authorities
    user = env.find("ELASTICSEARCH_USER")
    if user is None:
        return replace(hosts, options=options)
    if "api_key" in options:
        raise SettingInvalid("ELASTICSEARCH_USER: not together with ELASTICSEARCH_API_KEY")
    return replace(hosts, options=options, user=(user, env.text("ELASTICSEARCH_PASSWORD", "")))
