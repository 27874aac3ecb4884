"""Training: retrievers before t1, the ranker on what they find in [t1, t2), all of it judged after t3.

Every result is an artifact keyed by all that it depends on: what has not changed is found, not made again, and a
step killed midway leaves nothing behind. A training is described by a plain dict, so that Airflow can hand it from
task to task.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.artifacts import build, digest, manifest, read_json, write_json
from ml.data.dataset import load_dataset, refuse_nothing
from ml.data.visibility import Visibility
from ml.domains import get_domain
from ml.errors import BadInput, RunFailed
from ml.evaluation.replay import load_rankings, rank_batches, save_rankings
from ml.logs import get_logger
from ml.ranking import Ranker, get_ranker, load_ranker
from ml.ranking.recommender import Recommender
from ml.ranking.selection import best, fit_rankers
from ml.retrieval import Ranking, Retriever, get_retriever
from ml.settings import settings
from ml.steps.choices import refuse_unlearnable_outputs
from ml.steps.parameters import RANKER, TrainingParameters, parse_parameters
from ml.steps.ranker_rows import ranker_rows
from ml.steps.record import recorded
from ml.steps.training_features import current_features, features_as_of, find_features, refuse_too_little
from ml.steps.training_log import log_rankers, log_retriever
from ml.steps.tuned import tuned_parameters
from ml.steps.workbench import ranker_inputs, retriever_inputs, side_by_side, workbench_of

DEPTH = 100  # the deepest cut that is measured
log = get_logger(__name__)
Training = dict[str, Any]


@recorded("start_training")
def start_training(
    domain: str, parameters: Mapping[str, Any] | None = None, found: Mapping[str, Mapping[str, Any]] | None = None
) -> Training:
    """Describe a training run and open its MLflow run.

    Args:
        domain: A declared domain whose features, as of the wanted date, are published (`features_as_of` does it).
        parameters: See `TrainingParameters`.
        found: What a search found, by model (`search_all`).

    Returns:
        The training: what to learn from, which models, with which parameters.

    Raises:
        BadInput: A parameter is wrong.
        RunFailed: There are no features as of the wanted date, or they hold no item or no event.
    """
    from ml.tracking import runs

    chosen = parse_parameters(parameters or {})
    training = describe_training(domain, chosen, found)
    features = Path(training["features"])
    training["parent_run"] = runs.open_training(
        domain, training["key"], {"chosen": chosen.model_dump(mode="json", exclude_none=True)},
        {"domain": domain, "as_of": manifest(features)["as_of"], "features": manifest(features)["key"]}, data=features,
    )  # fmt: skip
    write_json(_pointer(domain), training)
    return training


def last_training(domain: str) -> Training:
    """The training that was started last."""
    if not _pointer(domain).exists():
        raise RunFailed(f"{domain} has no training yet. Run: slate train --domain {domain}")
    found: Training = read_json(_pointer(domain))
    return found


@recorded("train_retriever")
def train_retriever(training: Training, name: str) -> dict[str, Any]:
    """Fit one retriever, rank every case with it, and log it as a child run."""
    folder = retriever_artifact(training, name)
    metrics: dict[str, float] = manifest(folder)["metrics"]
    log_retriever(training, name, folder, metrics)
    return {"domain": training["domain"], "model": name, "path": str(folder), "metrics": metrics}


@recorded("train_ranker")
def train_ranker(training: Training) -> dict[str, Any]:
    """Train the rankers on what the retrievers found in the ranker's window, keep the better one, and log each."""
    folder = ranker_artifact(training)
    log_rankers(training, folder)
    described = manifest(folder)
    kept = {"ranker": described["ranker"], "metrics": described["metrics"]}
    return {"domain": training["domain"], "model": "ranker", "path": str(folder), **kept}


def train(domain: str, model: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Start a training and run one of its parts by hand: a retriever, the `ranker`, or `all`.

    Features as of a date that has none are made first, and parameters are searched where `search_trials` says so, as
    in Airflow by tasks of their own.
    """
    from ml.steps.searching import search_all  # which describes trainings as this file does

    if (as_of := parse_parameters(parameters).as_of) is not None:
        features_as_of(domain, as_of)
    parameters = _with_requested(domain, model, parameters)
    training = start_training(domain, parameters, search_all(domain, parameters))
    names = {"all": trained_retrievers(training), "ranker": ()}.get(model, (model,))
    if unknown := set(names) - set(trained_retrievers(training)):
        raise BadInput(
            f"{domain} trains no {', '.join(unknown)}; choose from {', '.join(trained_retrievers(training))}"
        )
    done = [train_retriever(training, name) for name in names]
    if model in ("all", "ranker"):
        done.append(train_ranker(training))
    return {"domain": domain, "training": training["key"], "run": training["parent_run"], "models": done}


def _with_requested(domain: str, model: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where nobody chose retrievers: a retriever that a training has on request only is requested by its name."""
    declared = get_domain(domain)
    if parameters.get("models") or model not in declared.on_request:
        return parameters
    return {**parameters, "models": [*declared.usual_retrievers, model]}


def trained_retrievers(training: Training) -> tuple[str, ...]:
    """Every retriever that the training fits: the recommender's and the baselines, each once."""
    return tuple(dict.fromkeys([*training["models"], *training["baselines"]]))


def retriever_artifact(training: Training, name: str) -> Path:
    """The fitted retriever and its rankings, made now if they are not there yet."""
    return build(f"retriever/{name}", retriever_inputs(training, name), lambda folder: _fit(training, name, folder))


def ranker_artifact(training: Training) -> Path:
    """The trained rankers, made now if they are not there yet; the manifest names the one that is kept."""
    return build("ranker", ranker_inputs(training), lambda folder: _grow(training, folder))


def fitted_retriever(training: Training, name: str) -> Retriever:
    """A fitted retriever, as of t1."""
    return get_retriever(name).load(retriever_artifact(training, name) / "model")


def recommender_of(training: Training) -> Recommender:
    """The composed recommender of a finished training, as of t1."""
    retrievers = {name: fitted_retriever(training, name) for name in training["models"]}
    return Recommender(retrievers, *_ranker_and_quotas(training))


def baselines_of(training: Training) -> dict[str, Retriever]:
    """The simple baselines that were trained beside the recommender, as of t1."""
    return {name: fitted_retriever(training, name) for name in training["baselines"]}


def ranker_of(training: Training) -> Recommender:
    """The recommender without its retrievers: it ranks candidates that were found before."""
    return Recommender({}, *_ranker_and_quotas(training))


def rankings_of(training: Training, name: str) -> dict[Any, Ranking]:
    """What a retriever answered to every case."""
    return load_rankings(retriever_artifact(training, name) / "rankings.npz")


def _ranker_and_quotas(training: Training) -> tuple[Ranker, dict[str, int], int, Visibility]:
    folder, visible = ranker_artifact(training), workbench_of(training).visible
    return load_ranker(folder / manifest(folder)["ranker"]), training["quotas"], training["maximum_candidates"], visible


def _fit(training: Training, name: str, folder: Path) -> dict[str, Any]:
    bench, kind = workbench_of(training), get_retriever(name)
    parameters = kind.Parameters.model_validate(training["retriever_parameters"][name])
    batches = [batch for window in bench.batches.values() for batch in window]
    depth = max(DEPTH, get_domain(training["domain"]).quotas.get(name, 0))  # as deep for a baseline that others choose
    with side_by_side():
        model = kind.fit(bench.training_data, parameters)
        rankings = rank_batches(model, batches, bench.known, depth)
    (folder / "model").mkdir()
    model.save(folder / "model")
    save_rankings(folder / "rankings.npz", rankings)
    curves = getattr(model, "curves", {})
    return {"metrics": bench.validation_metrics(rankings), "curves": curves, "parameters": parameters.model_dump()}


def _grow(training: Training, folder: Path) -> dict[str, Any]:
    bench = workbench_of(training)
    rankings = {name: rankings_of(training, name) for name in training["models"]}
    rows = ranker_rows(bench, rankings, training["quotas"], training["maximum_candidates"])
    parameters = {
        name: get_ranker(name).Parameters.model_validate(chosen)
        for name, chosen in training["ranker_parameters"].items()
    }
    fitted = fit_rankers(parameters, *rows, seed=training["seed"], threads=settings().threads)
    for name, each in fitted.items():
        each.ranker.save(folder / name)
    kept, described = best(fitted), {name: each.described() for name, each in fitted.items()}
    example = rows[0].frame.values[:5].tolist()
    return {"ranker": kept, "metrics": described[kept]["metrics"], "rankers": described, "example": example}


def _features(domain: str, as_of: str | None) -> Path:
    """The features artifact to learn from: the current one, or the one as of a date."""
    found = current_features(domain) if as_of is None else find_features(domain, as_of)
    if found is None:
        raise RunFailed(
            f"{domain} has no features as of {as_of}. Run: slate features --domain {domain} --as-of {as_of} "
            "--keep-current"
        )
    return found


def describe_training(
    domain: str, chosen: TrainingParameters, found: Mapping[str, Mapping[str, Any]] | None = None
) -> Training:
    """What a training learns from, which models, with which parameters; no run is opened.

    A parameter is what a person chose, else what the search found, else what the source's parameter file says, else
    the model's default.
    """
    features = _features(domain, chosen.as_of)
    dataset = load_dataset(features)
    refuse_nothing(dataset)
    declared, windows = dataset.domain, dataset.windows
    if chosen.as_of is not None:
        first = datetime.fromtimestamp(int(dataset.log.at.min()) / 1e6, UTC)
        refuse_too_little(domain, declared.protocol, windows.as_of, first)
    Visibility.of(declared, chosen.inputs)  # refuses what cannot be parted
    if chosen.outputs is not None:
        refuse_unlearnable_outputs(dataset, chosen.outputs)
    models = chosen.retrievers(declared)
    fitted = dict.fromkeys([*models, *declared.baselines])
    tuned = tuned_parameters(dataset.source.name) | dict(found or {})
    training = {
        "domain": domain, "features": str(features), "seed": chosen.seed, "inputs": chosen.inputs,
        "outputs": chosen.outputs or declared.outputs, "models": list(models),
        "baselines": list(declared.baselines), "quotas": {name: declared.quotas[name] for name in models},
        "maximum_candidates": declared.maximum_candidates,
        "retriever_parameters": {name: chosen.of_retriever(name, tuned.get(name)).model_dump(mode="json") for name in fitted},
        "ranker_parameters": {
            name: each.model_dump(mode="json") for name, each in chosen.of_rankers(tuned.get(RANKER)).items()
        },
    }  # fmt: skip
    return training | {"key": digest(ranker_inputs(training))}


def _pointer(domain: str) -> Path:
    return settings().domain_path("current", domain) / "training.json"
