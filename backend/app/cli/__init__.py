"""elkv, a command line that speaks HTTP only."""
