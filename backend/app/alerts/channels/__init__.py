"""Delivery of notifications, one file per channel."""
