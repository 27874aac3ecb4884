"""The two-tower retriever: requests and items as unit vectors of one space, learned in PyTorch."""

from ml.retrieval.two_tower.parameters import TwoTowerParameters
from ml.retrieval.two_tower.retriever import TwoTower

__all__ = ["TwoTower", "TwoTowerParameters"]
