"""The feedback loop as a page of the docs: what was simulated, what came of it, and a picture."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.evaluation.plots import saved

LABELS = {
    "gini": "Gini of exposure",
    "coverage": "coverage",
    "top_share": "share of the top 1 %",
    "ranked_gini": "Gini, ranked places",
    "ranked_coverage": "coverage, ranked places",
    "chosen": "slates chosen from",
}
COLOURS = {"without": "#7f7f7f", "with": "#d62728"}
IMAGE = Path("images") / "feedback-loop.png"


def write_feedback_loop(document: Mapping[str, Any], path: Path) -> None:
    """Write what `bench_feedback_loop` returned as Markdown, and its picture into `images/` beside the page."""
    (path.parent / IMAGE.parent).mkdir(parents=True, exist_ok=True)
    draw(document, path.parent / IMAGE)
    path.write_text("\n".join(_page(document)) + "\n", encoding="utf-8")


def draw(document: Mapping[str, Any], path: Path) -> None:
    """Every measure over the rounds, a line a policy with its interval, into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    for place, (measure, label) in enumerate(LABELS.items(), start=1):
        axes = figure.add_subplot(2, 3, place)
        for name, rounds in document["rounds"].items():
            turns = range(1, len(rounds) + 1)
            low, mean, high = ([turn[measure][end] for turn in rounds] for end in ("low", "mean", "high"))
            axes.plot(turns, mean, color=COLOURS[name], label=f"{name} exploration")
            axes.fill_between(turns, low, high, color=COLOURS[name], alpha=0.2)
        axes.set_title(label)
        axes.set_xticks([*turns])
        axes.set_xlabel("retraining")
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    saved(figure, path)


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _told(document)
    yield from _table(document)
    yield from _outcome(document)


def _told(document: Mapping[str, Any]) -> Iterator[str]:
    shop = document["shop"]
    yield "# Feedback loop"
    yield ""
    yield (
        "A recommender learns from what people chose among what it had shown them. What is not shown cannot be chosen, "
        "so that exposure gathers on few items from one training to the next, whether or not they are the best."
    )
    yield ""
    yield (
        f"`slate bench feedback-loop --seeds {document['seeds']} --write docs/feedback-loop.md` simulates it: "
        f"{shop['users']} users, {shop['items']} items, {shop['rounds']} retrainings, {shop['visits']} visits a user "
        f"between them, slates of {shop['places']}. Users and items have hidden tastes around {shop['centres']} centres; "
        "a visitor examines place p with probability p^-0.5 and takes one of the examined items, or none, by a "
        f"multinomial logit of utility {shop['sharpness']:g} × taste · item + quality. Popularity and item-to-item of "
        "this repository are trained on all choices so far, its re-ranking draws two of ten places uniformly in one arm "
        "and none in the other. The people are made up: the page tells how the loop works, not how large it is in a shop."
    )
    yield ""
    yield (
        f"Means over {document['seeds']} seeds with 95 % intervals of a bootstrap over seeds; both arms meet the same "
        f"people. {document['seconds']:.0f} seconds on {document['cores']} cores with {document['memory_mb']:,} MB of "
        "memory. *Ranked places* are the first eight, which no arm draws: they show what the models learnt, without "
        "the drawn places themselves. A slate holds an item once, so the top 1 % of the items (four) can have 0.4 of the "
        "exposure at most."
    )
    yield ""


def _table(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"| exploration | retraining | {' | '.join(LABELS.values())} |"
    yield "|---|---:|" + "---:|" * len(LABELS)
    for name, rounds in document["rounds"].items():
        for turn, measures in enumerate(rounds, start=1):
            yield f"| {name} | {turn} | {' | '.join(_interval(measures[each]) for each in LABELS)} |"
    yield f"| difference | {len(rounds)} | {' | '.join(_interval(document['difference'][each]) for each in LABELS)} |"
    yield ""
    yield f"![Each measure over the retrainings, with and without exploration]({IMAGE.as_posix()})"
    yield ""


def _outcome(document: Mapping[str, Any]) -> Iterator[str]:
    without, explored = (document["rounds"][name] for name in ("without", "with"))
    yield (
        f"Without exploration the Gini of exposure goes from {without[0]['gini']['mean']:.2f} to "
        f"{without[-1]['gini']['mean']:.2f} and coverage from {without[0]['coverage']['mean']:.0%} to "
        f"{without[-1]['coverage']['mean']:.0%}; with it, from {explored[0]['gini']['mean']:.2f} to "
        f"{explored[-1]['gini']['mean']:.2f} and from {explored[0]['coverage']['mean']:.0%} to "
        f"{explored[-1]['coverage']['mean']:.0%}. In the ranked places, after the last retraining, exploration changes "
        f"the Gini by {_interval(document['difference']['ranked_gini'])}, coverage by "
        f"{_interval(document['difference']['ranked_coverage'])}, and the share of slates that somebody chose from by "
        f"{_interval(document['difference']['chosen'])}. An interval that holds 0 shows no difference."
    )
    yield ""
    yield "What was served in truth is in the monitoring report ([monitoring](monitoring.md))."


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
