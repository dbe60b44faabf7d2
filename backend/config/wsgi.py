"""Django alone, without the intake, for servers that speak WSGI only."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from config.environments import choose_settings

choose_settings(os.environ)
application = get_wsgi_application()
