"""What a domain is: data that the whole of Slate reads, so that nothing below asks which domain it runs."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ml.domains.campaigns import Campaigns
from ml.domains.eligibility import Eligibility
from ml.domains.facts import Fact
from ml.domains.frozen import Frozen
from ml.domains.placements import Placement, check_placements
from ml.domains.reranking import Reranking

Inputs = Literal["offline", "online", "both"]
Outputs = Literal["new", "owned", "mixed"]


class Protocol(Frozen):
    """How time is cut into windows, and what one evaluated case is (DESIGN: point in time).

    Windows are counted in cadences back from the as-of instant: retrievers learn before t1, the ranker's labels
    lie in [t1, t2), parameters and stopping are chosen on [t2, t3), and [t3, as-of) is the test.
    """

    unit: Literal["user", "session"] = Field(
        "user",
        description="`user`: what a user takes in one cadence, from all before it. "
        "`session`: each next item of a session, from its prefix.",
    )
    cadence_days: int = Field(7, ge=1, le=31, description="Days between two feature snapshots.")
    cadence_months: int | None = Field(
        None, ge=1, le=12, description="Calendar months between two feature snapshots, in place of `cadence_days`."
    )
    day_starts_at_hour: int = Field(0, ge=0, le=23, description="Hour (UTC) at which the source's day begins.")
    ranker_cadences: int = Field(4, ge=1)
    validation_cadences: int = Field(2, ge=1)
    test_cadences: int = Field(4, ge=1)

    @property
    def snapshots(self) -> int:
        """Feature snapshots a training run needs: one at the start of each cadence, and one as of its end."""
        return self.ranker_cadences + self.validation_cadences + self.test_cadences + 1


class Guardrails(Frozen):
    """What a challenger may not fall below, relative to the champion (to the best baseline, for the first)."""

    minimum_coverage_ratio: float = Field(0.8, description="Distinct items recommended at 10, ratio to the champion's.")
    first_coverage_ratio: float = Field(0.7, description="The same for a first champion, ratio to the best baseline's.")
    minimum_diversity_ratio: float = Field(0.9, description="Diversity within a slate of 10, ratio to the champion's.")
    maximum_popularity_ratio: float = Field(1.25, description="Mean popularity of recommended items, ratio.")
    first_popularity_ratio: float = Field(
        1.5, description="The same for a first champion, ratio to the best baseline's."
    )


class Gate(Frozen):
    """When a challenger becomes champion (DESIGN: gates decide, people may overrule)."""

    metric: str = "ndcg@10"
    freshness_margin: float = Field(-0.02, le=0, description="Lowest relative loss for the same configuration.")
    guardrails: Guardrails = Guardrails()


class Drift(Frozen):
    """When the monitor starts a retrain."""

    maximum_drifted_share: float = Field(0.5, gt=0, le=1, description="Share of features that have drifted.")
    minimum_quality_ratio: float = Field(0.9, gt=0, description="nDCG@10 of the last window over the tested one.")


class DataRules(Frozen):
    """What landed data must keep to before anything is made of it."""

    minimum_volume_ratio: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="The last full day must hold more than this ratio of the events of the day before it "
        "(of what is usual, for a weekday that usually falls far).",
    )
    volume_rule_starts_at: int = Field(
        50, ge=1, description="Events of the day before, below which the volume of a day is left to chance."
    )
    event_types: tuple[str, ...] = Field(description="Every event type that the source may send.")


class Attribution(Frozen):
    """Which events a served slate brought about: those that name it, for an item of it, soon enough after it."""

    window_days: int = Field(7, ge=1, le=365, description="Days from the moment at which the slate was shown.")
    clicks: tuple[str, ...] = Field(
        (), description="Events that say that the item was chosen; none named: all that have a weight."
    )


class Holdings(Frozen):
    """Events after which a user has an item, and after which no longer; a domain of goods that are used up has none."""

    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()


class Fairness(Frozen):
    """How differently groups of people may fare with items of the guarded categories (docs/fairness.md)."""

    minimum_approval_ratio: float = Field(
        0.8, gt=0, le=1, description="Share of a group that is shown a guarded item, over the most favoured group's."
    )
    maximum_calibration_gap: float = Field(
        0.02, gt=0, lt=1, description="Predicted probability of taking a guarded item less the observed rate."
    )
    minimum_group: int = Field(200, ge=1, description="Users of a group, below which it is reported and not judged.")
    warn_predictability: float = Field(
        0.7, ge=0.5, le=1, description="AUC above which the inputs of the models give a protected fact away."
    )
    maximum_users: int = Field(20_000, ge=1, description="Users asked at the start of each cadence, drawn at random.")


class Domain(Frozen):
    """One business that Slate recommends for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    loader: str | None = Field(
        None, description="Name of the loader in `ml.data.loaders` that lands the domain's own data, where it has one."
    )
    generator: str | None = Field(
        None, description="Name of the generator in `ml.data.generators` that makes files for the loader, if one does."
    )
    generated_users: int = Field(20_000, ge=1, description="How many users the demo generates, where it has to.")
    user_noun: str = Field("user", description="What people call a user in reports.")
    event_weights: dict[str, float] = Field(description="How much an event says about liking; 0: nothing.")
    target_events: tuple[str, ...] = Field(description="The events that a recommendation should bring about.")
    online_events: tuple[str, ...] = Field(
        (),
        description="The events that are done online, as by a visitor of a site; with none, inputs are never parted.",
    )
    attribution: Attribution = Attribution()
    holdings: Holdings = Holdings()
    outputs: Outputs = Field(
        "mixed", description="Items that a slate may hold: those the user has not (`new`), has (`owned`), or any."
    )
    user_facts: dict[str, Fact] = Field({}, description="Attributes of users, by name.")
    item_facts: dict[str, Fact] = Field({}, description="Attributes of items, by name.")
    guarded_categories: tuple[str, ...] = Field(
        (), description="Categories of items that no model may score by protected facts, such as credit."
    )
    eligibility: Eligibility = Eligibility()
    campaigns: Campaigns = Campaigns()
    fairness: Fairness | None = Field(None, description="None: no protected fact, or nothing guarded, to judge by.")
    reranking: Reranking = Reranking()
    protocol: Protocol = Protocol()
    quotas: dict[str, int] = Field(description="Candidates each retriever hands to the ranker.")
    on_request: tuple[str, ...] = Field((), description="Retrievers that a training has only where they are chosen.")
    maximum_candidates: int = Field(500, description="Merged candidates that are ranked.")
    baselines: tuple[str, ...] = Field(description="Retrievers that serve as the simple baselines.")
    slate_size: int = 10
    placements: dict[str, Placement] = Field({}, description="Where slates are served, by name.")
    registered_model: str = Field(description="Name in the MLflow registry.")
    example_users: tuple[str, ...] = Field((), description="Users that the demo shows.")
    gate: Gate = Gate()
    drift: Drift = Drift()
    data_rules: DataRules
    retrain_schedule: str = Field("0 3 * * 1", description="Cron expression (UTC) of the features DAG.")
    monitor_schedule: str = Field("0 6 * * 1", description="Cron expression (UTC) of the monitor DAG.")

    @model_validator(mode="after")
    def _rules_read_what_is_declared(self) -> "Domain":
        self.eligibility.check(self.user_facts, self.item_facts, self.data_rules.event_types)
        self.campaigns.check(self.user_facts, self.data_rules.event_types)
        self.reranking.check(self.item_facts, self.data_rules.event_types)
        if self.campaigns.asked and not self.eligibility.channels:
            raise ValueError("campaigns tell users through channels that they agreed to: add a rule of consent")
        check_placements(self.placements, self.quotas, self.eligibility.channels, self.reranking.boosts)
        return self

    @model_validator(mode="after")
    def _online_events_are_sent(self) -> Self:
        if unknown := sorted(set(self.online_events) - set(self.data_rules.event_types)):
            raise ValueError(f"online event {unknown[0]!r}: correct it or add it to `data_rules.event_types`")
        return self

    @model_validator(mode="after")
    def _clicks_are_sent(self) -> Self:
        if unknown := sorted(set(self.attribution.clicks) - set(self.data_rules.event_types)):
            raise ValueError(f"attribution.clicks {unknown[0]!r}: correct it or add it to `data_rules.event_types`")
        return self

    @model_validator(mode="after")
    def _fairness_has_what_it_judges(self) -> Self:
        if self.fairness is None:
            return self
        if not self.protected_facts or not self.guarded_categories:
            raise ValueError("fairness needs a protected fact of users and a guarded category of items")
        if without := [name for name in self.protected_facts if not self.user_facts[name].grouped]:
            raise ValueError(
                f"fairness needs groups of the protected {', '.join(without)}: declare a number with bands"
            )
        return self

    @property
    def protected_facts(self) -> tuple[str, ...]:
        """The facts of users by which nobody may be treated differently."""
        return tuple(name for name, fact in self.user_facts.items() if fact.protected)

    @property
    def told_events(self) -> tuple[str, ...]:
        """The types of event whose times rules, re-ranking and campaigns read, sorted."""
        read = (self.eligibility.event_types, self.reranking.event_types, self.campaigns.event_types)
        return tuple(sorted({kind for kinds in read for kind in kinds}))

    @property
    def clicking_events(self) -> tuple[str, ...]:
        """The types of event that say that an item of a slate was chosen; the targets are among them, sorted."""
        weighted = (kind for kind, weight in self.event_weights.items() if weight > 0)
        return tuple(sorted({*(self.attribution.clicks or weighted), *self.target_events}))

    def facts_of_models(self, *, guarded: bool) -> tuple[str, ...]:
        """The facts of users that a model may read.

        Args:
            guarded: Whether it scores items of the guarded categories too: protected facts are left out then.
        """
        return tuple(
            name for name, fact in self.user_facts.items() if fact.for_models and not (guarded and fact.protected)
        )

    @property
    def usual_retrievers(self) -> tuple[str, ...]:
        """Those of a training for which nobody chose any."""
        return tuple(name for name in self.quotas if name not in self.on_request)


class Source(Frozen):
    """What the landed data lacks or changes about its domain: written at landing, read by all that follows."""

    name: str = Field(description="Where the data came from, such as `complete_journey`.")
    absent: tuple[str, ...] = Field((), description="Contract columns that the source does not have.")
    protocol: Protocol | None = None
    target_events: tuple[str, ...] | None = None

    def applied_to(self, domain: Domain) -> Domain:
        """The domain as this source needs it."""
        changes = {name: value for name in ("protocol", "target_events") if (value := getattr(self, name)) is not None}
        return domain.model_copy(update=changes)
