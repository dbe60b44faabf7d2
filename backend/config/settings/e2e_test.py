"""For end-to-end tests from a browser: the embedded default without limits on registration."""

from config.settings.base import *
from config.settings.base import env

REGISTRATION_RATE = env.text("REGISTRATION_RATE", "100000/hour")
