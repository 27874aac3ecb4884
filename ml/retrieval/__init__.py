"""One file a retriever behind one contract; here they are by name."""

from ml.classes import class_named
from ml.retrieval.contract import Ranking, Retriever, State, TrainingData, top_k

# Name → where its class is: importing one retriever must not import the libraries of all the others.
RETRIEVERS: dict[str, str] = {
    "popularity": "ml.retrieval.popularity:Popularity",
    "personal_frequency": "ml.retrieval.personal_frequency:PersonalFrequency",
    "personal_then_popular": "ml.retrieval.filled:PersonalThenPopular",
    "tifu_knn": "ml.retrieval.tifu_knn:TifuKnn",
    "item_to_item": "ml.retrieval.item_to_item:ItemToItem",
    "basket": "ml.retrieval.item_to_item:Basket",
    "als": "ml.retrieval.als:Als",
    "content": "ml.retrieval.content:Content",
    "two_tower": "ml.retrieval.two_tower:TwoTower",
    "attribute_towers": "ml.retrieval.attribute_towers:AttributeTowers",
    "segment_popularity": "ml.retrieval.segment_popularity:SegmentPopularity",
    "classifiers": "ml.retrieval.classifiers:Classifiers",
    "logistic": "ml.retrieval.classifiers:Logistic",
    # It builds on the session models, a layer above this one: named here, imported by whoever asks for it.
    "hrnn": "ml.sessions.hrnn_retriever:HrnnRetriever",
}

__all__ = ["RETRIEVERS", "Ranking", "Retriever", "State", "TrainingData", "get_retriever", "top_k"]


def get_retriever(name: str) -> type[Retriever]:
    """The class of the retriever of this name; raises `BadInput` for any other."""
    found: type[Retriever] = class_named(name, RETRIEVERS, "retriever")
    return found
