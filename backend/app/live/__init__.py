"""The bus from the shipper to tails and watchers."""
