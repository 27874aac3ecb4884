"""The contact list of an item: the users likeliest to want it before they ask, with a control group held back."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.artifacts import MANIFEST, build, built_beside, code_digest, digest, file_digest, manifest, write_json
from ml.bundle.bundle import Bundle
from ml.campaigns.draws import stable_draws
from ml.campaigns.interest import outlooks_before
from ml.campaigns.listing import Roll, call_roll, held_back, likeliest
from ml.campaigns.propensity import fit_classifiers
from ml.campaigns.reasons import reasons
from ml.data.arrays import Ints
from ml.data.facts import FactTable
from ml.data.requests import Requests
from ml.domains import Domain, get_domain
from ml.errors import BadInput, RunFailed
from ml.logs import get_logger
from ml.reranking.eligibility import ItemsSeen
from ml.retrieval.classifiers import Classifiers
from ml.retrieval.classifiers.contributions import contributions
from ml.settings import settings
from ml.steps.list_fairness import list_fairness, refuse_unfair
from ml.steps.recommending import champion
from ml.steps.record import recorded
from ml.steps.sealed import dataset_of, known_now

FAIRNESS = "fairness.json"
LISTS = {False: "contacts", True: "control"}  # file stem by whether its users are held back
log = get_logger(__name__)


@recorded("contact_list")
def contact_list(
    domain: str, item_id: str, share: float = 0.1, channel: str | None = None, *, seed: int = 7, force: bool = False,
    reason: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """List whom to tell of an item: the best share of those who may be told, less a control group.

    Written to `SLATE_HOME/contact_lists/<domain>/<as_of>-v<version>-<key>/`: `contacts` and `control`, each as Parquet
    and CSV with user_id, item_id, position (from 1, over both), score, reasons, channels (through which the user may
    be told) and model_version; `fairness.json` where the domain declares fairness; and a manifest. The folder appears
    at once; the same question to the same champion finds it again.

    Args:
        domain: Whose champion is asked; it must declare campaigns.
        item_id: The item.
        share: Of the users who may be told, from 0 to 1.
        channel: Through which they are told: consent to it is needed then. None: consent to any channel is.
        seed: Of the control group, of equal scores, and of the model.
        force: Write a list that passes a limit of fairness all the same.
        reason: Why it is overruled.

    Raises:
        BadInput: The item, the share or the channel is none, the domain declares no campaigns, or `force` has no reason.
        RunFailed: The list passes a limit of fairness (`ml.steps.list_fairness`), or nobody ever asked early.
    """
    declared = _declared(domain)
    overruled = _overruled(force, reason)
    version, bundle = champion(domain)
    question = {"item": item_id, "share": share, "channel": channel, "seed": seed, "overruled": overruled}
    item = _checked(declared, bundle, question)
    code = code_digest(
        "campaigns", "evaluation/fairness", "reranking", "retrieval/classifiers", "steps/contacting.py",
        "steps/list_fairness.py",
    )  # fmt: skip
    key = digest([bundle.manifest["key"], version.number, question, declared.model_dump(mode="json"), code])
    as_of = datetime.fromisoformat(bundle.manifest["as_of"])
    final = settings().domain_path("contact_lists", domain) / f"{as_of:%Y%m%dT%H%M%SZ}-v{version.number}-{key}"
    if not (final / MANIFEST).exists():
        listed = _list(declared, bundle, item, question)
        described = {"domain": domain, "model_version": version.number, "bundle": version.bundle, "as_of": as_of}
        _write(final, listed, {**described, **question, "rules_digest": declared.eligibility.digest})
    return {"path": str(final), **{name: value for name, value in manifest(final).items() if name != "files"}}


@dataclass(frozen=True)
class Listed:
    """A list before it is written."""

    roll: Roll
    users: int
    frame: pd.DataFrame  # with `control`, and `model_version` still to come
    fairness: dict[str, Any] | None


def _declared(domain: str) -> Domain:
    """The domain, if it has campaigns."""
    declared = get_domain(domain)
    if not declared.campaigns.asked:
        raise BadInput(f"{domain} declares no campaigns: say in its `campaigns` by which events users ask")
    return declared


def _overruled(force: bool, reason: str | None) -> str | None:
    """Why limits of fairness do not stop this list; None where they do."""
    if force and not (reason or "").strip():
        raise BadInput("overruling the limits of fairness needs a reason: pass --reason")
    return (reason or "").strip() if force else None


def _checked(declared: Domain, bundle: Bundle, question: dict[str, Any]) -> int:
    """The number of the item that a sound question is about."""
    if not 0 <= question["share"] <= 1:
        raise BadInput(f"--share is {question['share']}: give a share from 0 to 1, such as 0.10")
    declared.eligibility.check_channel(question["channel"])
    number = int(bundle.items.encode([question["item"]])[0])
    if number < 0:
        raise BadInput(f"there is no item {question['item']!r} in the bundle of {bundle.manifest['as_of']}")
    return number


def fitted(bundle: Bundle, declared: Domain, seed: int) -> Classifiers:
    """The model of early askings that learned from all that a bundle has sealed; fitted once."""
    inputs = {
        "bundle": bundle.manifest["key"], "campaigns": declared.campaigns.model_dump(mode="json"), "seed": seed,
        "code": code_digest("campaigns", "data", "retrieval/classifiers"),
    }  # fmt: skip

    def make(folder: Path) -> dict[str, Any]:
        dataset = dataset_of(bundle, declared)
        outlooks = outlooks_before(dataset, dataset.windows.as_of)
        threads = settings().training_threads
        model = fit_classifiers(dataset, outlooks, seed=seed, threads=threads, visible=bundle.visible)
        if model.pooled is None:
            raise RunFailed(
                f"nobody in the data of {declared.name} asked for an item early: land events of the types "
                f"{', '.join(declared.campaigns.asked)} over more than {declared.campaigns.horizon_cadences} cadences"
            )
        model.save(folder)
        return {"outlooks": len(outlooks)}

    return Classifiers.load(build("early_interest", inputs, make))


def _list(declared: Domain, bundle: Bundle, item: int, question: dict[str, Any]) -> Listed:
    requests = bundle.requests(known_now(bundle))
    items = ItemsSeen.of(bundle.catalogue, bundle.item_facts)
    roll = call_roll(declared, requests, items, item, question["channel"])
    model = fitted(bundle, declared, question["seed"])
    names = bundle.users.ids[requests.user]
    draws = stable_draws(names, "order", question["seed"], question["item"])
    seen = bundle.visible.requests(requests)
    score = model.score(seen)[:, item]
    chosen = likeliest(score, roll.may, question["share"], draws)
    fairness = list_fairness(declared, model, item, items.category[item], requests, roll, chosen, question["seed"])
    refuse_unfair(fairness, question["item"], question["overruled"])
    words = _reasons(model, seen, chosen, item, bundle)
    frame = pd.DataFrame(
        {
            "user_id": names[chosen],
            "item_id": question["item"],
            "position": np.arange(1, len(chosen) + 1, dtype=np.int32),
            "score": score[chosen],
            "reasons": pd.Series(words, dtype=object),
            "channels": pd.Series(roll.channels(chosen), dtype=object),
            "control": held_back(names[chosen], declared.campaigns.control_share, question["seed"], question["item"]),
        }
    )
    return Listed(roll, len(requests), frame, fairness)


def _reasons(model: Classifiers, requests: Requests, rows: Ints, item: int, bundle: Bundle) -> list[list[str]]:
    names = dict(zip(map(str, bundle.items.ids), bundle.names, strict=True))
    asked = requests.take(rows)
    facts = asked.facts if asked.facts.facts else FactTable.none()
    return reasons(contributions(model, asked, item), facts, names, str(bundle.items.ids[item])) if len(rows) else []


def _write(final: Path, listed: Listed, described: dict[str, Any]) -> None:
    frame = listed.frame.assign(model_version=np.full(len(listed.frame), described["model_version"], np.int32))
    with built_beside(final) as beside:
        for held, stem in LISTS.items():
            part = frame[frame["control"] == held].drop(columns="control")
            part.to_parquet(beside / f"{stem}.parquet", index=False)
            joined = {name: part[name].map("; ".join) for name in ("reasons", "channels")}
            part.assign(**joined).to_csv(beside / f"{stem}.csv", index=False)
        if listed.fairness is not None:
            write_json(beside / FAIRNESS, listed.fairness)
        counts = {"users": listed.users, "may_be_told": int(listed.roll.may.sum()), "listed": len(frame)}
        counts |= {"control": int(frame["control"].sum())}
        files = {path.name: file_digest(path) for path in sorted(beside.iterdir())}
        against = [] if listed.fairness is None else listed.fairness["breaches"]
        written = {**described, "counts": counts, "left_out": listed.roll.left_out, "breaches": against, "files": files}
        write_json(beside / MANIFEST, {**written, "written_at": datetime.now(UTC).isoformat(timespec="seconds")})
    log.info("%d users of %d may be told; %d are listed", counts["may_be_told"], listed.users, len(frame))
