"""Which form an answer takes."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from typing_extensions import override


class LenientNegotiation(DefaultContentNegotiation):
    """What `Accept` asks for if it is on offer, else the view's own form: a scraper that asks for
    plain text, or a browser for a page, is better served with JSON than with 406."""

    @override
    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        on_offer = list(renderers)
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(
                request, on_offer, format_suffix
            )
        except NotAcceptable:
            return on_offer[0], str(on_offer[0].media_type)
        return chosen

    @override
    def filter_renderers(
        self, renderers: Iterable[BaseRenderer], format: str
    ) -> list[BaseRenderer]:
        """Those of `?format=`; where it names none it says nothing, as any unknown parameter."""
        on_offer = list(renderers)
        return [one for one in on_offer if one.format == format] or on_offer
