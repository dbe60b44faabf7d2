"""How long the texts of users may be: columns and requests agree by this."""

USERNAME = 150
NAME = 150
SLUG = 63
