"""Which parts of the service one web process answers: the API, the intake, or both."""

from __future__ import annotations

from config.env import Env, SettingInvalid

PARTS = ("api", "intake")


def web_parts(env: Env) -> tuple[str, ...]:
    """What WEB_PARTS names; both where it is not set."""
    wanted = env.words("WEB_PARTS", PARTS)
    strange = sorted(set(wanted) - set(PARTS))
    if strange or not wanted:
        raise SettingInvalid(
            f"WEB_PARTS: {', '.join(strange) or 'nothing'} is not among {', '.join(PARTS)}"
        )
    return tuple(part for part in PARTS if part in wanted)
