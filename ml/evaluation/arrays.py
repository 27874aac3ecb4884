"""Array types that only evaluation needs."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
