"""Commands of core: backups of the config database."""
