"""The models of streams, private to it."""
