"""Django's command line: migrate, shipper, first_run, …"""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError

from config.environments import choose_settings

if __name__ == "__main__":
    try:
        choose_settings(os.environ)
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, InterfaceError, OperationalError) as error:
        # A setting that cannot be used, or a database that does not answer: no bug of ours.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"manage.py: {error}")
