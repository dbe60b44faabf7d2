"""For working on ELK Vision: debug pages, readable logs."""

from config.settings.base import *
from config.settings.base import env

DEBUG = env.flag("DEBUG", default=True)
