"""The models of dashboards, private to it."""
