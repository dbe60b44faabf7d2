"""Django's command line: migrate, shipper, first_run, …"""

import os
import sys

from django.core.management import execute_from_command_line

from config.environments import choose_settings

if __name__ == "__main__":
    choose_settings(os.environ)
    execute_from_command_line(sys.argv)
