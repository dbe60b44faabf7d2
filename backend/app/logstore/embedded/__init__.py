"""The embedded store: tantivy indices beside compressed source blocks."""
