"""The lines of a batch → the records that a store takes."""
