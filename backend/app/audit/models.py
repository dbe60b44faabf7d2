"""The models of audit, private to it."""
