"""HTTP of users: views and serializers."""
