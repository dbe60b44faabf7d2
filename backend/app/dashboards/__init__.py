"""Dashboards, panels, variables, share links."""
