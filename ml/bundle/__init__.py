"""The sealed bundle: all that a slate needs and nothing else, the unit of release."""
