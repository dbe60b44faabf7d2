"""The models of users, private to it."""
