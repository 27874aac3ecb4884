"""A published `features` artifact of a small bank, whose customers are drawn at random."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ml.artifacts import write_json
from ml.domains import get_domain

AS_OF = datetime(2016, 5, 29, tzinfo=UTC)
LOAN, CARD, FUND, ACCOUNT, STRAY = (
    "ind_pres_fin_ult1", "ind_tjcr_fin_ult1", "ind_fond_fin_ult1", "ind_cco_fin_ult1", "something new",
)  # fmt: skip
CATEGORIES = {LOAN: "credit", CARD: "credit", FUND: "investment", ACCOUNT: "account", STRAY: None}
ITEM_FACTS = {"minimum_age": 18, "maximum_age": 80, "minimum_income": 9_000, "risk_level": 3}
KINDS = ("purchase", "drop", "hold", "refuse", "decline", "view", "contact")
STATES, EVENTS = 3, 8  # of each customer, at most


def publish(folder: Path, customers: int, seed: int = 7) -> Path:
    """Some have facts, some events, some both; the last of the users has neither."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    names = [f"c{number:03}" for number in range(customers)]
    _events(rng, names).to_parquet(folder / "events.parquet")
    states = pd.DataFrame(
        [(name, _day(rng, 200), _facts(rng)) for name in names for _ in range(rng.integers(0, STATES + 1))],
        columns=["user_id", "valid_from", "attributes"],
    ).drop_duplicates(["user_id", "valid_from"]).sort_values(["user_id", "valid_from"])  # fmt: skip
    states.to_parquet(folder / "user_states.parquet")
    pd.DataFrame({"user_id": [*names, "nobody"]}).to_parquet(folder / "users.parquet")
    items = pd.DataFrame({"item_id": sorted(CATEGORIES)}).assign(attributes=json.dumps(ITEM_FACTS))
    items.assign(category=items["item_id"].map(CATEGORIES)).to_parquet(folder / "items.parquet")
    described = {"kind": "features", "key": f"{folder.name}-{seed}", "domain": "banking", "as_of": AS_OF.isoformat()}
    write_json(folder / "manifest.json", {**described, "source": {"name": "little"}})
    return folder


def _events(rng: np.random.Generator, names: list[str]) -> pd.DataFrame:
    rows = [
        (name, str(rng.choice([*CATEGORIES, "withdrawn from sale"])), str(rng.choice(KINDS)), _day(rng, 300))
        for name in [*names, "session:1"]
        for _ in range(rng.integers(0, EVENTS + 1))
    ]
    found = pd.DataFrame(rows, columns=["user_id", "item_id", "event_type", "occurred_at"])
    found = found.sort_values(["user_id", "occurred_at"], ignore_index=True)
    return found.assign(
        event_id=[f"{n:05}" for n in range(len(found))], session_id=None, session_position=0, place_id=None, value=None
    ).astype({"session_id": "string", "place_id": "string", "value": "float64"})


def _day(rng: np.random.Generator, days: int) -> datetime:
    return (AS_OF - timedelta(days=int(rng.integers(-20, days)))).replace(tzinfo=None)


def _facts(rng: np.random.Generator) -> str | None:
    """Each fact is there or is not; now and then nothing is known any more."""
    some = {
        name: {"number": int(rng.integers(0, 60)), "flag": bool(rng.random() < 0.3), "category": str(rng.choice(["N", "A"])),
               "moment": "2015-01"}[fact.kind]
        for name, fact in get_domain("banking").user_facts.items() if rng.random() < 0.9
    }  # fmt: skip
    return None if rng.random() < 0.1 else json.dumps(some | {"assessed_income": 30_000, "credit_utilisation": 0.2})
