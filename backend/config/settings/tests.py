"""For tests: a data directory of their own, gone afterwards, and cheap password hashes."""

import atexit
import os
import shutil
import tempfile

if not os.environ.get("DATA_DIR"):
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="elk-vision-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from config.redis import cache_of
from config.settings.embedded import *
from config.settings.embedded import LOGGING, REDIS

if REDIS is not None:
    # Runs side by side know nothing of each other's limits.
    REDIS["KEY_PREFIX"] = f"elkv-test-{os.getpid()}"
    CACHES = {"default": cache_of(REDIS)}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING = {**LOGGING, "level": "WARNING", "django_level": "ERROR", "app_level": "WARNING"}
