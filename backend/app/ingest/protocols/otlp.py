"""OTLP logs as records."""
