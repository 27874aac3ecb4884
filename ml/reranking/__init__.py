"""Re-ranking: from the ranker's best candidates to a slate, by declared rules that nothing can go round."""
