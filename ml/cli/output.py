"""What commands print: one JSON document for programs, a table for people, both on standard output."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

SHOWN_DIFFERENCES = ("p@20", "mrr@20")
LOGGED_WIDTH = 132  # columns of what is not printed to a terminal, which would know its own


def emit(result: Any, as_json: bool, render: Callable[[Any], Iterable[Any]]) -> None:
    """Print a result: as JSON where asked, otherwise as the tables that `render` makes of it."""
    if as_json:
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False, default=str))
        return
    console = Console() if sys.stdout.isatty() else Console(width=LOGGED_WIDTH)
    for part in render(result):
        console.print(part)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A plain table; numbers are aligned by their text."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*("" if value is None else str(value) for value in row))
    return made


def fields(title: str) -> Callable[[Mapping[str, Any]], Iterable[Table]]:
    """Render a flat document as two columns."""

    def render(result: Mapping[str, Any]) -> Iterable[Table]:
        yield table(title, ("field", "value"), [(name, _short(value)) for name, value in result.items()])

    return render


def records(title: str) -> Callable[[Sequence[Mapping[str, Any]]], Iterable[Table]]:
    """Render documents of the same fields, one a row."""

    def render(result: Sequence[Mapping[str, Any]]) -> Iterable[Table]:
        columns = list(result[0]) if result else []
        yield table(title, columns, [[_short(row[column]) for column in columns] for row in result])

    return render


def leaderboard(document: dict[str, Any]) -> Iterable[Table]:
    """Render every model against the baselines, a table a segment."""
    from ml.evaluation.rendering import render_tables

    yield from render_tables(document)


def session_models(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render one row a session model; shares in percent, with 95% intervals where there is one."""
    rows = document["rows"]
    metrics = list(rows[0]["metrics"]) if rows else []
    columns = ("model", *metrics, "training s", "predictions/s", "peak MB")
    body = [
        (row["model"], *(_percent(row["metrics"][name]) for name in metrics), f"{row['train_seconds']:.1f}",
         f"{row['predictions_per_second']:,.0f}", f"{row['peak_memory_mb']:,.0f}")
        for row in rows
    ]  # fmt: skip
    yield table("Session models, in percent", columns, body)
    if compared := [row for row in rows if "versus_recommender" in row]:
        differences = [
            (row["model"], *(_percent(row["versus_recommender"][name], "difference") for name in SHOWN_DIFFERENCES))
            for row in compared
        ]
        yield table("Less the recommender, in percent", ("model", *SHOWN_DIFFERENCES), differences)


def training_loops(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render one row a training loop, and the latency of one answer."""
    yield from records("Training, events a second")(document["rows"])
    yield from fields("One answer, milliseconds")(document["latency_ms"])


def tree_predictors(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render one row a way to score trees; milliseconds of a call for each batch of candidates."""
    title = "{trees} trees of depth {depth}, {features} features: milliseconds on one thread, candidates of requests".format(
        **document
    )
    batches = [f"{batch['rows']:,} of {batch['slates']}" for batch in document["batches"]]
    columns = ("predictor", *batches, "largest difference", "file KB", "write", "open")
    rows = [
        (row["predictor"], row["missing"])
        if row["missing"]
        else (row["predictor"], *row["ms"], f"{row['difference']:.1e}", row["file_kb"], row["write_ms"], row["open_ms"])
        for row in document["predictors"]
    ]
    yield table(title, columns, rows)


def users(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render what users add to the recurrent retriever, one row a segment and use of them."""
    columns = ("segment", "user", "cases", "ndcg@10", "less none", "training CPU s")
    rows = [
        (row["segment"], row["user"], f"{row['cases']:,}", _interval(row["ndcg@10"]), _interval(row["less_none"]),
         f"{row['train_cpu_seconds']:.1f}")
        for row in document["rows"]
    ]  # fmt: skip
    yield table("Earlier sessions of a user, on the validation window", columns, rows)


def warm_starts(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render a warm start beside the champion and a training from nothing; shares in percent."""
    columns = (
        "model", "p@20", "less from nothing", "mrr@20", "less from nothing", "p@20 of new items", "training CPU s",
    )  # fmt: skip
    rows = []
    for row in document["rows"]:
        pairs = [(_percent(row[name]), _percent(row["less_full"][name], "difference")) for name in ("p@20", "mrr@20")]
        new = row["new_items_p@20"]
        rows.append(
            (row["model"], *pairs[0], *pairs[1], None if new is None else f"{100 * new:.2f}",
             f"{row['train_cpu_seconds']:.1f}")
        )  # fmt: skip
    title = f"New days, in percent: {document['new_items']:,} of {document['items']:,} items are new"
    yield table(title, columns, rows)


def ablation(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render what each part adds to the recommender, one row a segment and variant."""
    columns = ("segment", "variant", "part", "cases", "ndcg@10", "added")
    rows = [
        (row["segment"], row["variant"], row["part"], f"{row['cases']:,}", _interval(row["ndcg@10"]),
         _interval(row["added"], "difference"))
        for row in document["rows"]
    ]  # fmt: skip
    seen = document["configurations_that_saw_the_test"]
    yield table(f"What each part adds, on the test window (seen by {seen} configurations)", columns, rows)


def two_tower(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render what each part of the two-tower does, one row a segment and variant, a table a metric."""
    rows = document["rows"]
    for metric in rows[0]["metrics"] if rows else ():
        columns = ("segment", "variant", "cases", metric, "less default", "training CPU s")
        body = [
            (row["segment"], row["variant"], f"{row['cases']:,}", _interval(row["metrics"][metric]),
             _interval(row["less_default"][metric], "difference"), f"{row['train_cpu_seconds']:.1f}")
            for row in rows
        ]  # fmt: skip
        yield table(f"Two-tower, one part switched, on the validation window: {metric}", columns, body)


def two_tower_samples(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render one row a model of customer-product samples, and how far each lies above the towers."""
    rows = document["rows"]
    names = list(rows[0]["metrics"])
    asked = f"{document['tested_customers']:,} customers, {document['products']:,} products, in percent"
    body = [
        (row["model"], *(_percent(row["metrics"][name]) for name in names), f"{row['train_cpu_seconds']:.1f}")
        for row in rows
    ]
    yield table(f"Products wanted by {asked}", ("model", *names, "training CPU s"), body)
    less = [
        (row["model"], *(_percent(row["less_two_tower"][name], "difference") for name in names)) for row in rows[1:]
    ]
    yield table("Less the two-tower, in percent", ("model", *names), less)


def basket_models(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render one row a next-basket model, a table a part; shares in percent, with 95% intervals where there is one."""
    rows = document["rows"]
    for part, title in (("metrics", "all items"), ("repeats", "taken before"), ("discoveries", "never taken before")):
        names = list(rows[0][part]) if rows else []
        body = [(row["model"], *(_percent(row[part][name]) for name in names)) for row in rows]
        yield table(f"Next basket, {title}, in percent", ("model", *names), body)
    cost = [
        (row["model"], f"{row['train_seconds']:.1f}", f"{row['predictions_per_second']:,.0f}",
         f"{row['peak_memory_mb']:,.0f}")
        for row in rows
    ]  # fmt: skip
    yield table("What it costs", ("model", "training s", "predictions/s", "peak MB"), cost)


def slate(result: Mapping[str, Any]) -> Iterable[Table | str]:
    """Render the items of a slate, or items similar to another."""
    subject = result.get("user_id") or result.get("item_id")
    columns = ("#", "item", "name", "score", "found by", "how")
    rows = [
        (place, item["item_id"], item["name"], "" if item["score"] is None else f"{item['score']:.3f}",
         ", ".join(item["sources"]), "; ".join(item.get("reasons", ())))
        for place, item in enumerate(result["items"], 1)
    ]  # fmt: skip
    yield table(f"For {subject} (model version {result['model_version']})", columns, rows)
    if shortfall := result.get("shortfall"):
        taken = ", ".join(f"{count} by {step}" for step, count in result["removed"].items() if count)
        yield f"Fewer than asked for: {shortfall}. Taken away: {taken or 'nothing'}"
    if rules := result.get("rules"):
        yield f"Rules that took candidates away: {', '.join(rules)}"


def explained(result: Mapping[str, Any]) -> Iterable[Table | str]:
    """Render why an item was shown or not, and what each rule said."""
    yield f"{result['item_id']} {result['name']} for {result['user_id']}: {result['why']}"
    names = ("outputs", "owned", "rank", "relevance", "boost", "taken_by", "position", "propensity")
    yield table("What was done with it", ("field", "value"), [(name, _short(result[name])) for name in names])
    columns = ("rule", "verdict", "facts", "for the customer", "for the auditor")
    rows = [
        (f"{rule['rule']}@{rule['version']}", rule["verdict"], _short(rule["facts"]), rule["for_customer"],
         rule["for_auditor"])
        for rule in result["rules"]
    ]  # fmt: skip
    yield table("Rules", columns, rows)


def package(result: Mapping[str, Any]) -> Iterable[Table | str]:
    """Render both halves of a user's package, and why a half is short."""
    for half, title in (("reminders", "To be reminded of"), ("discoveries", "Never met")):
        rows = [
            (place, item["item_id"], item["name"], f"{item['score']:.3f}", item["why"])
            for place, item in enumerate(result[half]["items"], 1)
        ]
        yield table(f"{title}: {result['user_id']}", ("#", "item", "name", "score", "why"), rows)
        if result[half]["short"]:
            yield f"{result[half]['short']}\n"


def eligibility(result: Mapping[str, Any]) -> Iterable[Table]:
    """Render how many pairs of users and items there are, by rule and by item."""
    names = ("path", "as_of", "channel", "users", "items", "pairs", "allowed", "without")
    yield table("Eligibility of all users", ("field", "value"), [(name, _short(result[name])) for name in names])
    pairs = [
        (rule, f"{count:,}", f"{count / max(result['pairs'], 1):.1%}") for rule, count in result["forbidden"].items()
    ]
    yield table("Pairs that each rule forbids", ("rule", "pairs", "of all"), pairs)
    users = [
        (item, f"{count:,}", f"{count / max(result['users'], 1):.1%}")
        for item, count in result["allowed_by_item"].items()
    ]
    yield table("Users to whom each item may be offered", ("item", "users", "of all"), users)


def scale(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render what each stage took, one row a stage."""
    told = {name: value for name, value in document.items() if name != "stages"}
    yield from fields("Scale")(told)
    yield from records("Each stage in a process of its own")(document["stages"])


def early_interest(document: Mapping[str, Any]) -> Iterable[Table | str]:
    """Render what the lists of each share found, one row a share; shares in percent."""
    columns = (
        "list", "own share", "found", "segments find", "lift", "over segments", "granted: found", "granted: segments",
    )  # fmt: skip
    rows = [
        (f"{row['share']:.0%}", f"{100 * row['own_share']:.2f}", _percent(row["slate"]), _percent(row["segments"]),
         _interval(row["lift"]), _interval(row["over_segments"]), _percent(row["slate_granted"]),
         _percent(row["segments_granted"]))
        for row in document["rows"]
    ]  # fmt: skip
    yield table("Askings found before the first sign of interest, in percent", columns, rows)
    yield f"{document['askings']:,} askings, {document['granted']:,} granted; lists of {', '.join(document['lists'])}.\n"
    yield from records(f"By item, at {document['rows'][-1]['share']:.0%}")(document["items"])


def status(result: Mapping[str, Any]) -> Iterable[Table]:
    """Render where a domain stands."""
    yield table(f"{result['domain']}: data as of {result['as_of']}", ("mart", "rows"), result["counts"].items())
    versions = [(alias, result[alias]) for alias in ("champion", "challenger")]
    yield table("Registry", ("alias", "version"), versions)
    runs = [
        (step, run["state"], run["started_at"], run.get("seconds"), run.get("message"))
        for step, run in result["runs"].items()
    ]
    yield table("Last runs", ("step", "state", "started", "seconds", "message"), runs)


def position_bias(document: Mapping[str, Any]) -> Iterable[Table | str]:
    """Render the examination curve, what each training reached, and what the figures are."""
    curve, trained = document["examination"], document["trainings"]
    figures = ("true", "estimated", "lowest", "highest", "share_of_clicks")
    rows = [[row["position"], *(f"{row[name]:.3f}" for name in figures)] for row in curve["positions"]]
    yield table("Examination, relative to the first position", ("position", *figures), rows)
    yield f"Farthest from the truth, over {curve['logs']} logs: {curve['largest_error']:.1%}. {curve['what']}\n"
    measured = ("ndcg@10", "gain", "gap_closed")
    rows = [
        [row["ranker"], row["learns_from"], *(_interval(row[name]) for name in measured)] for row in trained["rows"]
    ]
    yield table("Rankers, judged by true relevance", ("ranker", "learns from", *measured), rows)
    yield f"{trained['what']} CPU seconds of all: {document['cpu_seconds']:.0f}."


def _interval(measured: Mapping[str, float | None] | None, middle: str = "mean") -> str | None:
    if measured is None or None in measured.values():
        return None
    return f"{measured[middle]:.4f} [{measured['low']:.4f}, {measured['high']:.4f}]"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 400 else f"{text[:400]}…"


def _percent(metric: Mapping[str, float | None], middle: str = "mean") -> str:
    mean, low, high = (metric[end] for end in (middle, "low", "high"))
    shown = "" if mean is None else f"{100 * mean:.2f}"
    return shown if low is None or high is None else f"{shown} ({100 * low:.2f} to {100 * high:.2f})"


def ceiling(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render what each model reaches of the ceiling, with intervals, a table a seed and a month."""

    def interval(value: Mapping[str, float | None], digits: int) -> str:
        return " ".join(f"{value[name]:.{digits}f}" for name in ("mean", "low", "high") if value[name] is not None)

    for seed, month in dict.fromkeys((row["seed"], row["month"]) for row in document["rows"]):
        rows = [row for row in document["rows"] if (row["seed"], row["month"]) == (seed, month)]
        part = "all seeds" if seed is None else f"seed {seed}"
        when = "" if month is None else f", from {month}"
        title = f"{document['domain']}, {document['customers']:,} generated, {part}{when}"
        cells = [
            (row["model"], row["kind"], f"{row['cases']:,}", interval(row["map@7"], 4), interval(row["share"], 3))
            for row in rows
        ]
        yield table(title, ("model", "kind", "cases", "map@7 (low, high)", "share of the ceiling (low, high)"), cells)


def feedback_loop(document: Mapping[str, Any]) -> Iterable[Table]:
    """Render each round of each policy, and what exploration changes in the last one."""
    measures = list(document["difference"])
    rounds = [(name, turn, each) for name, found in document["rounds"].items() for turn, each in enumerate(found, 1)]
    rows = [*rounds, ("difference", len(rounds) // 2, document["difference"])]
    body = [(name, turn, *(f"{each[measure]['mean']:.3f}" for measure in measures)) for name, turn, each in rows]
    yield table("Feedback loop", ("exploration", "retraining", *measures), body)
