"""Telling users of items before they ask: who is likely to, who may be told, and why."""
