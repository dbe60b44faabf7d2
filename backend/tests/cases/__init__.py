"""Cases that are data, and their loader."""
