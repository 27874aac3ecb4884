"""The deep & cross network, version 2, as a ranker."""

from ml.ranking.dcn.parameters import DcnParameters
from ml.ranking.dcn.ranker import Dcn

__all__ = ["Dcn", "DcnParameters"]
