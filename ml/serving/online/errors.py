"""How the durable side fails: both are passing states, and both are safe to try again."""

from ml.errors import RunFailed


class NotDurable(RunFailed):
    """An event was not acknowledged: it may or may not be kept. Sent again with the same `event_id` it counts once."""


class StoreGone(RunFailed):
    """The online store does not answer in time, or is being filled: answer without what happened lately."""
