"""A SLATE_HOME with little champions of both declared domains in a real registry, made once for all tests."""

import json
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import shop

from ml.artifacts import read_json, write_json
from ml.bundle.bundle import open_bundle
from ml.bundle.seal import Sealed, seal
from ml.bundle.served import OPENER, Served
from ml.domains.banking_rules import PRODUCTS
from ml.tracking import registry, runs

NOW = datetime(2026, 1, 2, tzinfo=UTC)
USERS = [f"u{user:03}" for user in range(shop.USERS)]
ITEMS = [f"i{item:03}" for item in range(shop.ITEMS)]
CATEGORIES = ("account", "savings", "deposit", "investment", "payment")
RETAIL = ("popularity", "personal_frequency", "content", "item_to_item")
BANKING = ("popularity", "segment_popularity", "item_to_item", "content")
FACTS = {
    "age": 41, "is_deceased": False, "is_resident": True, "employment": "N", "assessed_income": 50_000,
    "credit_utilisation": 0.1, "loan_amount": 0, "instalment": 0, "arrears_months": 0, "risk_tolerance": 5,
    "vulnerable": False, "sex": "V", "segment": "02", "province_code": "28",
}  # fmt: skip
ITEM_FACTS = {"minimum_age": 18, "maximum_age": 90, "minimum_income": 9_000, "risk_level": 3}


def make_home(home: Path) -> None:
    """Versions 1 (the champion), 2 and 3 of retail, the last one corrupt; version 1 of banking, its champion."""
    make_shop(home, ("one", "two", "three"))
    corrupt(registry.bundle_of("retail", registry.version_of("retail", 3)))
    publish("banking", trained(home, banking_features(home / "features" / "banking"), BANKING), "one")
    for domain in ("retail", "banking"):
        promote(domain, 1)


def make_shop(home: Path, trainings: tuple[str, ...]) -> None:
    """A version of retail for each training, all alike."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    retail = trained(home, retail_features(home / "features" / "retail"), RETAIL)
    for training in trainings:
        publish("retail", retail, training)


def promote(domain: str, version: int) -> None:
    """Point the alias that serving follows at a version."""
    registry.move_champion(domain, version, "for a test", "test", at=NOW)


def trained(home: Path, features: Path, models: tuple[str, ...]) -> Sealed:
    """What is sealed of one published artifact."""
    return Sealed(shop.train(features, models), *shop.open_store(features))


def publish(domain: str, parts: Sealed, training: str) -> int:
    """Seal and register one more version; returns its number."""
    path = seal(parts, shop.lineage(domain, training=training), seed=0)
    served = Served(open_bundle(path), 5)
    example = served.example(1)
    run = runs.open_training(domain, training, {}, {})
    answer = served.predict(example)
    return registry.register_challenger(domain, path, run, opener=OPENER, example=example, answer=answer).number


def corrupt(bundle: Path) -> None:
    """One byte of a sealed file is another."""
    path = bundle / "catalogue.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def retail_features(folder: Path) -> Path:
    """The planted shop with texts: items of one category read alike."""
    shop.make_features(folder)
    _describe(folder, shop.catalogue(shop.ITEMS))
    return folder


def banking_features(folder: Path) -> Path:
    """The planted shop's habits as those of a bank's customers, of whom half agreed to letters."""
    shop.make_features(folder)
    names = dict(zip(ITEMS, PRODUCTS, strict=False))
    for path in folder.glob("*.parquet"):
        rows = pd.read_parquet(path)
        if "item_id" in rows:
            rows["item_id"] = rows["item_id"].map(names)
            rows = rows[rows["item_id"].notna()]
        rows.to_parquet(path)
    items = pd.read_parquet(folder / "items.parquet")
    items["category"] = [CATEGORIES[n % 5] for n in range(len(items))]
    _describe(folder, items.assign(attributes=json.dumps(ITEM_FACTS)))
    states = pd.DataFrame({
        "user_id": USERS, "valid_from": datetime(2017, 1, 1),
        "attributes": [json.dumps(FACTS | consents(n)) for n in range(shop.USERS)],
    })  # fmt: skip
    states.to_parquet(folder / "user_states.parquet")
    write_json(folder / "manifest.json", read_json(folder / "manifest.json") | {"domain": "banking"})
    return folder


def consents(user: int) -> dict[str, bool]:
    """Who agreed to what, by the number of the user; every third has a fact missing that credit asks for."""
    return {f"consent_{channel}": user % 2 == 0 for channel in ("email", "phone", "post", "app")}


def _describe(folder: Path, items: pd.DataFrame) -> None:
    words = items["category"].map(lambda category: f"words of {category} größe{category}")
    items = items.assign(
        text=words, category_path=[["all", category] for category in items["category"]], brand=None, stock=7.0,
        price=np.nan, margin=0.2, launched_at=pd.Series(pd.NaT, index=items.index, dtype="datetime64[us]"),
    )  # fmt: skip
    items.to_parquet(folder / "items.parquet")


def forget_what_happened(home: Path) -> None:
    """As if nothing had been served yet: the next server begins with an empty log, on the first version."""
    shutil.rmtree(home / "serving", ignore_errors=True)
    promote("retail", 1)
