"""Kaggle's Santander Product Recommendation: who owned which of 24 products, month by month, for 956,645 customers.

A product that a customer has and did not have the month before is an `add`, one that is gone a `drop`; what they
have in their first snapshot, or their first after a gap, they `hold`. Nothing is known between two snapshots, so all
of a month happens on its day. What is known about customers lands as `user_states`.
"""

from ml.data.loaders.santander.repairs import Repair, Repairs
from ml.data.loaders.santander.staging import NAME, source, stage

__all__ = ["NAME", "Repair", "Repairs", "source", "stage"]
