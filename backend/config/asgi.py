"""The one ASGI app: the intake's paths go to the edge, everything else to Django."""

from __future__ import annotations

import os

import django
from django.utils.module_loading import import_string

from config.environments import choose_settings

choose_settings(os.environ)
django.setup()

# Only now can anything with models be imported.
application = import_string("config.web.WebApp")()
