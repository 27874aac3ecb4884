"""Slates, events and items over HTTP."""
