"""Hosts where a port follows them."""

from __future__ import annotations


def bracketed(host: str) -> str:
    """The host in front of `:port`: an address of IPv6 stands in brackets there."""
    return f"[{host}]" if ":" in host else host
