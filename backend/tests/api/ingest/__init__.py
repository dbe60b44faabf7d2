"""The intake with the config database behind it."""
