"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2id(Argon2PasswordHasher):
    """Argon2id with OWASP's smallest recommended cost.

    Django's own default takes 100 MB a hash: sixteen people who sign in at once would take more
    memory than the rest of the service together.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1
