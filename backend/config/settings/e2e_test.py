"""For end-to-end tests from a browser: the embedded default without limits on registration."""

from config.settings.embedded import *
from config.settings.embedded import env

REGISTRATION_RATE = env.text("REGISTRATION_RATE", "100000/hour")
