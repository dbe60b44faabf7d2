"""For working on ELK Vision: debug pages, readable logs."""

from config.settings.embedded import *
from config.settings.embedded import env

DEBUG = env.flag("DEBUG", default=True)
