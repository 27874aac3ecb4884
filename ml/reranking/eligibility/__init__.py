"""Eligibility: a domain's declared rules, judged on users times items; for one request by the same function."""

from ml.reranking.eligibility.decisions import Decisions, decide
from ml.reranking.eligibility.explaining import Explained, explain
from ml.reranking.eligibility.log import decision_log
from ml.reranking.eligibility.pairs import ItemsSeen

__all__ = ["Decisions", "Explained", "ItemsSeen", "decide", "decision_log", "explain"]
