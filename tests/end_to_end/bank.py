"""A small generated bank, from raw files to the slates of trained models."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from ml import steps
from ml.bundle.bundle import Bundle, open_bundle
from ml.bundle.seal import Sealed, seal
from ml.data.dataset import load_dataset
from ml.data.generators import get_generator
from ml.domains import get_domain
from ml.features.marts import run_dbt
from ml.features.store import FeatureStore
from ml.steps.features import prepare_build
from ml.steps.parameters import parse_parameters
from ml.steps.training import Training, describe_training, recommender_of

CUSTOMERS, MONTHS, SEED = 1500, 12, 102
SESSIONS = "site_sessions.parquet"
TREES = {"pooled": {"rounds": 60, "maximum_depth": 4}, "single": {"rounds": 5, "maximum_depth": 2}}


def generate(folder: Path) -> Path:
    """Write the bank's raw files."""
    get_generator("santander")(folder, customers=CUSTOMERS, months=MONTHS, seed=SEED)
    return folder


def with_visit(raw: Path, folder: Path, customer: str, page: str, at: datetime) -> Path:
    """The same raw files with one more session: the customer read a page and used its calculator."""
    shutil.copytree(raw, folder)
    sessions = pd.read_parquet(raw / SESSIONS)
    visit = {"session_id": "one more", "customer": int(customer), "started_at": at, "link": "details"}
    views = [
        {**visit, "position": 0, "page": "/home", "seconds": 10.0, "calculator": False},
        {**visit, "position": 1, "page": page, "seconds": 180.0, "calculator": True},
    ]
    added = pd.DataFrame(views).astype(dict(sessions.dtypes))
    pd.concat([sessions, added], ignore_index=True).to_parquet(folder / SESSIONS, index=False)
    return folder


def features(raw: Path) -> Path:
    """Land raw files and publish the features as of their end; dbt's tests of data have tests of their own."""
    steps.land("banking", data_folder=raw)
    plan = steps.plan("banking")
    prepare_build(plan)
    run_dbt(["run"], plan["vars"])
    return Path(steps.publish_features(plan))


def train() -> Training:
    """A training of all retrievers of the bank on the current features, by few trees and one epoch: they are quick."""
    declared = get_domain("banking")
    chosen = parse_parameters({"models": tuple(declared.quotas), "epochs": 1})
    training = describe_training(declared.name, chosen)
    training["retriever_parameters"]["classifiers"] |= TREES
    return training


def sealed(training: dict[str, Any], found: Path) -> Bundle:
    """The models of a training as they serve with these features."""
    dataset = load_dataset(found)
    lineage = {"training": training["key"], "features": found.name}
    return open_bundle(seal(Sealed(recommender_of(training), dataset, FeatureStore.of(dataset)), lineage, seed=1))


def last_day(bundle: Bundle) -> datetime:
    """An hour of the last day that a bundle knows of."""
    return datetime.fromisoformat(bundle.manifest["as_of"]) - timedelta(hours=8)
