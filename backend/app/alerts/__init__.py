"""Rules, evaluation, incidents, channels, silences."""
