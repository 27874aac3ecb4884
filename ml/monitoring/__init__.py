"""Drift, quality and diversity of a champion in service: the only room that imports evidently."""
