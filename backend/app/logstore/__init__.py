"""What a record is, what a store promises, and the stores."""
