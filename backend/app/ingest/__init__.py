"""Takes logs in: the edge, the shipper, and the way without a journal."""
