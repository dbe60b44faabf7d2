"""The Elasticsearch bulk API's bytes as records."""
