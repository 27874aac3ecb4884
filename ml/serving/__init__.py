"""Serving: slates in milliseconds from the champion's bundle, what people do, and the moment."""
