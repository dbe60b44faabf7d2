"""From the journal into the store: one process per journal."""
