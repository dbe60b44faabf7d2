"""Pure decisions of streams: pipelines, routing."""
