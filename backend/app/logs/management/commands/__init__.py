"""`manage.py move_logs`."""
