"""A bundle as MLflow asks it: a table of users in, a table of slates out."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ml.bundle.bundle import Bundle, open_bundle

OPENER = "ml.bundle.served:open_served"
COLUMNS = {
    "user_id": str, "position": int, "item_id": str, "name": str, "score": float, "sources": str, "propensity": float,
}  # fmt: skip


@dataclass(frozen=True)
class Served:
    """A bundle that answers with slates of a fixed length."""

    bundle: Bundle
    slate_size: int

    def example(self, count: int) -> pd.DataFrame:
        """A valid input: made-up users, since examples are kept where nobody looks for people."""
        return pd.DataFrame({"user_id": [f"example-{number}" for number in range(1, count + 1)]})

    def predict(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Slates for the users of `user_id`: a row a place, with the retrievers that found it, comma-separated."""
        rows = [
            (slate.user_id, item.position, item.item_id, item.name, item.score, ",".join(item.sources), item.propensity)
            for slate in self.bundle.recommend(requests["user_id"].tolist(), self.slate_size)
            for item in slate.items
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def open_served(path: Path) -> Served:
    """Open a sealed bundle to be asked by MLflow."""
    bundle = open_bundle(path)
    return Served(bundle, bundle.manifest["slate_size"])
