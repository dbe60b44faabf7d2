"""Where Elasticsearch is: the text of the configuration, read.

`https://user:password@one:9200,https://two:9200?ca_certs=/etc/ca.pem#logs`: addresses with commas
between, options once behind the last one, and behind `#` the prefix of our indices (`elkv`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from app.core.errors import Broken

DEFAULT_PREFIX = "elkv"
_DEFAULT_PORT = 9200
_OPTIONS = frozenset({"ca_certs", "verify_certs", "api_key", "gzip"})
# A path keeps one slash of two.
_SCHEME = re.compile(r"^(https?):/+")
_NO_ADDRESS = "the hosts of Elasticsearch are addresses such as http://127.0.0.1:9200"
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_]{0,60}")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses without credentials, and how to speak to them."""

    urls: tuple[str, ...]
    prefix: str
    # Secrets: not to be shown.
    user: tuple[str, str] | None = field(repr=False)
    options: Mapping[str, str] = field(repr=False)

    @property
    def is_gzip(self) -> bool:
        """Whether to compress what is sent: on the same machine that only costs."""
        asked = self.options.get("gzip")
        return not all(map(_is_local, self.urls)) if asked is None else asked == "true"


# As configuration gives it: a text, a text that somebody took for a path, or read already.
Location = Path | str | Hosts


def hosts_of(location: Location) -> Hosts:
    """The hosts that a location names; raises `Broken` for one that cannot be read."""
    if isinstance(location, Hosts):
        return location
    text, _, prefix = str(location).partition("#")
    text, _, query = text.partition("?")
    options = dict(parse_qsl(query))
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise Broken(f"unknown option {unknown[0]!r} of the hosts of Elasticsearch")
    prefix = prefix or DEFAULT_PREFIX
    if not _PREFIX.fullmatch(prefix):
        raise Broken(f"{prefix!r} cannot begin the names of indices")
    urls = []
    user = None
    for one in text.split(","):
        url, its_user = _address(_SCHEME.sub(r"\1://", one.strip()))
        urls.append(url)
        user = its_user or user
    return Hosts(tuple(urls), prefix, user, options)


def _address(text: str) -> tuple[str, tuple[str, str] | None]:
    """A host's address without credentials, and these. What cannot be read is not repeated: it may
    be the half of a password."""
    try:
        part = urlsplit(text)
        port = part.port or _DEFAULT_PORT
    except ValueError:
        raise Broken(_NO_ADDRESS) from None
    # An @ in the path ends a password that should have been written with percent signs.
    if part.scheme not in {"http", "https"} or part.hostname is None or "@" in part.path:
        raise Broken(_NO_ADDRESS)
    host = f"[{part.hostname}]" if ":" in part.hostname else part.hostname
    url = f"{part.scheme}://{host}:{port}{part.path.rstrip('/')}"
    if part.username is None:
        return url, None
    return url, (unquote(part.username), unquote(part.password or ""))


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
