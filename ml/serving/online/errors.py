"""What may go wrong between serving and what it writes and reads."""

from ml.errors import RunFailed


class NotDurable(RunFailed):
    """An event could not be kept for good; sending it again is safe."""


class StoreGone(RunFailed):
    """The online store does not answer in time."""
