"""The embedded default: makes its own secrets on the first start and keeps them in DATA_DIR."""

from config.secret_files import kept_secret, new_rsa_key, new_secret_key
from config.settings.base import *
from config.settings.base import SECRETS_DIR, env

SECRET_KEY = env.find("SECRET_KEY") or kept_secret(SECRETS_DIR / "secret_key", new_secret_key)
JWT_PRIVATE_KEY = env.find("JWT_PRIVATE_KEY") or kept_secret(
    SECRETS_DIR / "jwt_private_key.pem", new_rsa_key
)
