"""`manage.py place_logs`."""
