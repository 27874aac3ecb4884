"""Banking: a retail bank whose customers add products to those they have, month by month."""

from ml.domains.banking_facts import ITEM_FACTS, USER_FACTS
from ml.domains.banking_rules import BANKING_ELIGIBILITY
from ml.domains.campaigns import Campaigns
from ml.domains.domain import DataRules, Domain, Fairness, Gate, Holdings, Protocol

BANKING = Domain(
    name="banking",
    title="Retail bank",
    loader="santander",
    user_noun="customer",
    # In the contract's words (dbt_project/models/staging/banking): to add a product is a purchase.
    event_weights={
        "purchase": 1.0,
        "hold": 0.5,
        "apply": 0.6,
        "start_application": 0.4,
        "calculate": 0.3,
        "view": 0.1,
    },
    target_events=("purchase",),
    holdings=Holdings(begin=("purchase", "hold"), end=("drop",)),
    outputs="new",
    user_facts=USER_FACTS,
    item_facts=ITEM_FACTS,
    guarded_categories=("credit",),
    eligibility=BANKING_ELIGIBILITY,
    fairness=Fairness(),
    campaigns=Campaigns(
        asked=("apply",), granted=("approve",), looked=("view", "calculate", "start_application"), contacts=("contact",),
        segments={"segment": (), "age": (25, 35, 45, 55, 65)},
    ),
    # Snapshots are monthly, and seasons need most of a year to learn from.
    protocol=Protocol(cadence_months=1, ranker_cadences=2, validation_cadences=1, test_cadences=4),
    # Every product is scored, so each retriever is an opinion for the ranker rather than a filter.
    quotas=dict.fromkeys(
        ("classifiers", "item_to_item", "als", "popularity", "attribute_towers"), 24
    ),
    on_request=("attribute_towers",),
    maximum_candidates=24,
    baselines=("item_to_item", "popularity"),
    slate_size=7,
    registered_model="banking-slate",
    gate=Gate(metric="ndcg@10"),
    data_rules=DataRules(
        event_types=(
            # "add" is the source's word, "purchase" the contract's: the gates before and after dbt read either.
            "hold", "add", "purchase", "drop", "view", "calculate", "start_application", "contact",
            "apply", "approve", "refuse", "withdraw", "decline",
        )
    ),
    retrain_schedule="0 3 1 * *",
    monitor_schedule="0 6 1 * *",
)  # fmt: skip
