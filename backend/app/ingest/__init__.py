"""The ASGI edge and the shipper."""
