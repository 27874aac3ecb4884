"""HRNN over a shop's log as a retriever: a recurrent network over a session's steps under one over a user's sessions."""

from ml.sessions.hrnn_retriever.parameters import HrnnRetrieverParameters
from ml.sessions.hrnn_retriever.retriever import HrnnRetriever

__all__ = ["HrnnRetriever", "HrnnRetrieverParameters"]
