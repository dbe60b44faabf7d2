"""ELK Vision: logs in, logs found."""
