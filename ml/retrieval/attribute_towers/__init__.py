"""Symmetric towers over attributes: users and items by what is known of them, never by who they are."""

from ml.retrieval.attribute_towers.parameters import AttributeTowersParameters
from ml.retrieval.attribute_towers.retriever import AttributeTowers

__all__ = ["AttributeTowers", "AttributeTowersParameters"]
