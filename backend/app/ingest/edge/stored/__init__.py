"""What the edge asks of the config database."""
