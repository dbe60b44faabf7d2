"""`make accept-openapi`: takes the current API as the agreed one."""

import os

import django

from config.environments import choose_settings

if __name__ == "__main__":
    os.environ.setdefault("ENVIRONMENT", "tests")
    choose_settings(os.environ)
    django.setup()

    from tests.ratchets.openapi_document import FILE, current

    FILE.write_text(current(), encoding="utf-8")
