"""Behind TLS, with secrets from outside: refuses to start without them."""

from config.env import SettingInvalid
from config.settings.base import *
from config.settings.base import DEBUG, env

if DEBUG:
    raise SettingInvalid("DEBUG: must not be on in production")
env.require("SECRET_KEY", "JWT_PRIVATE_KEY", "ALLOWED_HOSTS")
