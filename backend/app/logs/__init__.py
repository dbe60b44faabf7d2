"""Search: the one way to ask the store a question."""
