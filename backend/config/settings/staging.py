"""Production in everything but its name and its own secrets."""

from config.settings.production import *
