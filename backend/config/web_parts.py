"""What one web process answers, and where it keeps what it takes in."""

from __future__ import annotations

from config.env import Env, SettingInvalid

PARTS = ("api", "intake")

JOURNAL_MODES = ("local", "through")


def web_parts(env: Env) -> tuple[str, ...]:
    """What WEB_PARTS names; both where it is not set."""
    wanted = env.words("WEB_PARTS", PARTS)
    strange = sorted(set(wanted) - set(PARTS))
    if strange or not wanted:
        raise SettingInvalid(
            f"WEB_PARTS: {', '.join(strange) or 'nothing'} is not among {', '.join(PARTS)}"
        )
    return tuple(part for part in PARTS if part in wanted)


def journal_mode(env: Env, log_store: str) -> str:
    """`local`: in a journal on the disk of this host, for its shipper. `through`: nowhere, records
    are in the store when they are acknowledged."""
    mode = env.choice("JOURNAL_MODE", "local", JOURNAL_MODES)
    if mode == "through" and log_store == "embedded":
        raise SettingInvalid(
            "JOURNAL_MODE: 'through' needs LOG_STORE=elastic and ELASTICSEARCH_HOSTS, because an"
            " embedded store is written by one process alone, the shipper"
        )
    return mode
