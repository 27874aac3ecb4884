"""The engine: who asks → candidates → one call of the ranker → re-ranking, on arrays from end to end."""
