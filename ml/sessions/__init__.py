"""Next-item recommendation within a session: what somebody takes next, from what they just looked at."""
