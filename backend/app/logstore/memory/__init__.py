"""Slow and obviously right: the oracle of the tests, the matcher of tails and routing."""
