"""Loki push requests as records."""
