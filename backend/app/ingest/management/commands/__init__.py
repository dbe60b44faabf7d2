"""`manage.py shipper`."""
