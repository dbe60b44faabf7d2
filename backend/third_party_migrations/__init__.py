"""Migrations of Django's own apps with our primary keys: the stock ones would make integer keys."""
