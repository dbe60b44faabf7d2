"""What answers those who send: from a request to a batch in the journal."""
