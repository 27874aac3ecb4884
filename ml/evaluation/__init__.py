"""Judging models: the protocol, the metrics, their uncertainty, and the table that people read."""
