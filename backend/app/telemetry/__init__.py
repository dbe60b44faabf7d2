"""How ELK Vision shows itself: logging, metrics, request ids."""
