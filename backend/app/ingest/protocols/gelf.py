"""GELF messages as records."""
