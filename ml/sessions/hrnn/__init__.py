"""HRNN: a recurrent network over a session's clicks under one over a user's sessions, learned in PyTorch."""

from ml.sessions.hrnn.model import Hrnn
from ml.sessions.hrnn.parameters import HrnnParameters

__all__ = ["Hrnn", "HrnnParameters"]
