"""`make bench`: a really started service against the marks that we set ourselves."""
