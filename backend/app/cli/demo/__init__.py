"""Made-up logs of a made-up shop: the same for the same seed, with the right answers beside them."""
