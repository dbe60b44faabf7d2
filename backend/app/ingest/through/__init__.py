"""Without a journal: from the edge straight into the store."""
