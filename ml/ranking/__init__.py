"""Ranking: the retrievers' candidates merged, described by features, and ordered by a learned ranker."""
