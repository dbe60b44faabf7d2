"""Shared ground without domain: errors, ids, clock, scope, database, problem responses."""
