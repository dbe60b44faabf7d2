"""The contract of a log store, asked of every implementation."""
