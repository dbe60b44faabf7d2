"""Where a request comes from, and who counts as one there."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings

_MAX_LENGTH = 45
# Whoever has one address of IPv6 has all of such a network.
_IPV6_BITS = 64


def client_address(peer: str, forwarded: str) -> str:
    """The client's address: the peer's, or what the outermost of our own proxies (`TRUSTED_PROXIES`
    of them) saw, which stands in X-Forwarded-For. What a client writes there is never believed."""
    proxies: int = settings.TRUSTED_PROXIES
    if proxies and forwarded:
        hops = [hop.strip() for hop in forwarded.split(",")]
        return hops[-min(proxies, len(hops))][:_MAX_LENGTH]
    return peer


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What counts as one address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed, _IPV6_BITS), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
