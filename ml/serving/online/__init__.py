"""What happened since the champion was sealed: the event log, the store that it feeds, and who was forgotten."""
