"""Where records go, how long they stay, how they are parsed."""
