"""How groups of people fare with the items of guarded categories, and what the models know about the groups."""
