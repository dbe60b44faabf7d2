"""Syslog messages as records."""
