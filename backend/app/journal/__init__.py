"""The durable queue between the ingest edge and the shipper; LMDB only here."""
