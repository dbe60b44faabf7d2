"""Splunk HEC events as records."""
