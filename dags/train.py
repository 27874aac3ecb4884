"""`<domain>__train`: new features become a sealed challenger; started by the features or from the form."""

from typing import Any

from airflow.sdk import DAG, Asset, Param, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

from ml import steps
from ml.domains import DOMAINS, Domain
from ml.steps.parameters import TrainingParameters
from ml.wheel.conventions import WAREHOUSE_POOL, asset_name, dag_options
from ml.wheel.form import form


def parameters(domain: Domain) -> dict[str, Param]:
    """The form of one training run: what a training takes, with the domain's retrievers to choose from."""
    arguments = form(TrainingParameters)
    names, usual = list(domain.quotas), list(domain.usual_retrievers)
    choice = {"default": usual, "type": "array", "items": {"type": "string", "enum": names}, "examples": names}
    arguments["models"] |= choice | {"minItems": 1, "uniqueItems": True}
    arguments["as_of"] |= {"format": "date"}
    return {name: Param(**argument) for name, argument in arguments.items()}


@task(pool=WAREHOUSE_POOL)
def features_as_of(domain: str, params: dict[str, Any] | None = None) -> str:
    """Make the features of the wanted day where there are none; the current ones stay what they are."""
    return steps.features_as_of(domain, (params or {}).get("as_of"))


@task
def search_parameters(domain: str, params: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Search the retrievers' parameters on the validation window, where the form asks for trials."""
    return steps.search_all(domain, dict(params or {}))


@task
def start_training(
    domain: str, found: dict[str, dict[str, Any]], params: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Choose the features, cut time into windows and open the MLflow run."""
    return steps.start_training(domain, dict(params or {}), found)


@task
def train_retriever(training: dict[str, Any], name: str) -> dict[str, Any]:
    """Fit one retriever on what was known before the ranker's labels."""
    if name not in steps.trained_retrievers(training):
        raise AirflowSkipException(f"{name} is not among the retrievers of this run")
    return steps.train_retriever(training, name)


@task(trigger_rule=TriggerRule.NONE_FAILED)
def train_ranker(training: dict[str, Any]) -> dict[str, Any]:
    """Fit the rankers on the merged candidates of the trained retrievers; keep the better one on validation."""
    return steps.train_ranker(training)


@task
def fairness(training: dict[str, Any]) -> dict[str, Any]:
    """Measure how groups of people fare, by the limits that the domain declares; the gate reads what is found."""
    return steps.fairness(training)


@task
def evaluate(training: dict[str, Any]) -> dict[str, Any]:
    """Score every model and baseline on the test window, with intervals."""
    return steps.evaluate(training)


@task
def publish(training: dict[str, Any]) -> dict[str, Any]:
    """Seal the bundle with its index and register it as the challenger."""
    return steps.publish(training)


def train(domain: Domain) -> None:
    """Declare the training DAG of one domain."""
    features = Asset(asset_name(domain.name, "features"))
    challenger = Asset(asset_name(domain.name, "challenger"))
    with DAG(**dag_options(domain, "train", __doc__), schedule=[features], params=parameters(domain)):
        found = search_parameters(domain.name)
        training = start_training(domain.name, found)
        names = dict.fromkeys([*domain.quotas, *domain.baselines])
        retrievers = [train_retriever.override(task_id=f"train_{name}")(training, name) for name in names]
        ranked = train_ranker(training)
        published = publish.override(outlets=[challenger])(training)
        features_as_of(domain.name) >> found
        judged = evaluate(training)
        retrievers >> ranked >> judged >> published
        if domain.fairness is not None:
            ranked >> fairness(training) >> judged


for declared in DOMAINS.values():
    train(declared)
