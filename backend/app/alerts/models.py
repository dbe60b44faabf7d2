"""The models of alerts, private to it."""
