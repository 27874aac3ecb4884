"""Slate: from raw customer interactions to personalised recommendation slates."""

__version__ = "0.1.0"
