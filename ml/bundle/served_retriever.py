"""One fitted retriever as MLflow asks it: sessions in, the items that it finds for each out."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.artifacts import read_json, write_json
from ml.bundle.stored import load_vocabulary, save_vocabulary
from ml.data.arrays import Ragged
from ml.data.requests import History, Requests
from ml.data.vocabulary import Vocabulary
from ml.retrieval import get_retriever
from ml.retrieval.contract import Retriever, top_k

OPENER = "ml.bundle.served_retriever:open_retriever"
FOUND = 10
COLUMNS = {"session": int, "position": int, "item_id": str, "score": float}


@dataclass(frozen=True)
class ServedRetriever:
    """A retriever that answers unknown users who are in the middle of a session."""

    retriever: Retriever
    items: Vocabulary
    moment: int  # microseconds since 1970 UTC: when it is asked

    def example(self, sessions: int) -> pd.DataFrame:
        """A valid input: sessions of two items each."""
        pairs = [self.items.ids[at : at + 2] for at in range(0, 2 * sessions, 2)]
        return pd.DataFrame({"item_ids": [[str(item) for item in pair] for pair in pairs]})

    def predict(self, sessions: pd.DataFrame) -> pd.DataFrame:
        """The first items for the sessions of `item_ids`, oldest item first; a row a place, none for a session unheard of."""
        ranking = top_k(self.retriever.score(self._requests(sessions["item_ids"])), FOUND)
        row, place = np.nonzero(ranking.item >= 0)
        return pd.DataFrame(
            {
                "session": row, "position": place + 1, "item_id": self.items.ids[ranking.item[row, place]],
                "score": ranking.score[row, place],
            }
        ).astype(COLUMNS)  # fmt: skip

    def _requests(self, sessions: pd.Series) -> Requests:
        """An item that is not in the vocabulary says nothing."""
        number = [self.items.encode(list(ids)) for ids in sessions]
        kept = [items[items >= 0] for items in number]
        row = np.repeat(np.arange(len(kept)), [len(items) for items in kept])
        session = Ragged.from_pairs(row, np.concatenate([np.zeros(0, np.int32), *kept]), len(kept))
        nobody = np.full(len(kept), -1, np.int32)
        history = History(
            session.offsets, session.values, np.full(len(row), self.moment - 1), row.astype(np.int32),
            np.ones(len(row), np.float32),
        )  # fmt: skip
        return Requests(nobody, np.full(len(kept), self.moment), nobody, history, session)


def write_retriever(model: Path, folder: Path, name: str, items: Vocabulary, moment: int) -> ServedRetriever:
    """Make the folder that `open_retriever` opens.

    Args:
        model: What the retriever's `save` wrote.
        folder: Made here; large files are linked where the disk allows it.
        name: The retriever's.
        items: The vocabulary that it was fitted with.
        moment: When it is asked (microseconds since 1970 UTC).
    """
    shutil.copytree(model, folder / "model", copy_function=_linked)
    save_vocabulary(folder / "items.parquet", items)
    write_json(folder / "served.json", {"retriever": name, "moment": moment})
    return open_retriever(folder)


def open_retriever(folder: Path) -> ServedRetriever:
    """Open what `write_retriever` wrote."""
    described = read_json(folder / "served.json")
    retriever = get_retriever(described["retriever"]).load(folder / "model")
    return ServedRetriever(retriever, load_vocabulary(folder / "items.parquet"), described["moment"])


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
