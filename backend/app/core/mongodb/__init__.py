"""MongoDB as a Django database: django-mongodb-backend with a few narrow corrections.

What is corrected, and why, stands beside each correction; docs/adr/0009 has the whole story. It
reaches into one exact version of the backend, so `base` refuses any other.
"""
