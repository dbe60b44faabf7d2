"""Bytes to records, one file per protocol; pure."""
