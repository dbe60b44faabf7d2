"""What Elasticsearch's clients find: their bulk requests, and what they ask and declare before."""
