"""The models of logs, private to it."""
