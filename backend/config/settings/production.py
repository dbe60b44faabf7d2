"""Behind TLS, with secrets from outside: refuses to start without them."""

from config.env import SettingInvalid
from config.settings.base import *
from config.settings.base import DEBUG, LOGGING, env

if DEBUG:
    raise SettingInvalid("DEBUG: must not be on in production")
env.require("SECRET_KEY", "JWT_PRIVATE_KEY", "ALLOWED_HOSTS")
SECRET_KEY = env.text("SECRET_KEY", "")
JWT_PRIVATE_KEY = env.text("JWT_PRIVATE_KEY", "")

LOGGING = {**LOGGING, "format": env.choice("LOG_FORMAT", "json", ("console", "json"))}

# TLS ends at a proxy of ours, which says so in this header and removes it from what clients send.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
# Probes come to the pod itself, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
