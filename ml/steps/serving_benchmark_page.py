"""What `slate bench serving` measured, as a page of the docs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.steps.serving_trials import TRIES

Document = Mapping[str, Any]
QUANTILES = ("p50", "p99", "p99.9")


def write_serving(document: Document, path: Path) -> None:
    """Write what `bench_serving` returned as Markdown."""
    path.write_text("\n".join(_page(document)) + "\n", encoding="utf-8")


def _page(document: Document) -> Iterator[str]:
    yield from _head(document)
    yield from _aims(document["aims"])
    yield from _loads(document)
    yield from _process(document)
    yield from _freshness(document["freshness"])
    yield from _swap(document["swap"])
    yield from _overload(document["overload"])
    yield from _mlflow(document["mlflow"])
    yield from _limit(document["limit"], document["engine"])


def _head(document: Document) -> Iterator[str]:
    machine, champion, mix = document["machine"], document["champion"], document["mix"]
    yield from ("# How fast slates are served", "")
    yield (
        f"Written by `{document['command']}`. The server has the last of {machine['cores']} cores of {machine['model']} "
        f"({machine['memory_mb']:,} MB of memory; load {machine['load']:.1f} before), the generator of load the first; "
        f"{machine['python']}. "
        f"{champion['model']} version {champion['version']}, sealed as `{champion['seal']}` as of {champion['as_of']}: "
        f"{champion['users']:,} users, {champion['items']:,} items."
    )
    yield ""
    yield (
        f"Requests come at random moments (Poisson) whether or not earlier ones were answered, and latency counts from "
        f"when each was meant to be sent. {mix['events']:.0%} of them post an event; of the slates, {mix['unknown']:.0%} "
        f"are for users whom nobody has seen, the others for known users by how much they did; {mix['in_session']:.0%} "
        f"tell a session; {mix['first_placement']:.0%} are for the domain's first placement, the others share the rest."
    )
    yield ""


def _aims(aims: list[Document]) -> Iterator[str]:
    yield from ("## Aims", "", "| what | aim | measured | met |", "|---|---:|---:|---|")
    for aim in aims:
        met = {True: "yes", False: "no", None: "not measured"}[aim["met"]]
        yield f"| {aim['name']} | {aim['aim']} | {number(aim['measured'])} | {met} |"
    yield ""


def _loads(document: Document) -> Iterator[str]:
    top = document["saturation"]
    yield from ("## Load", "")
    yield (
        f"Saturation is the highest rate found at which p99 stays below {document['limit_ms']:.0f} ms and nothing is "
        f"shed for {document['seconds']:g} seconds, in one of {TRIES} tries: {top['rate']:,.0f} requests, {top['slates_per_second']:,.0f} slates "
        f"a second. Below: the median of {document['rounds']} rounds, which begin once the server is prepared for "
        "everybody who did something before; milliseconds. Machines that others share are not equally fast always: the "
        "last column is what sorting the same numbers took on the server's core before each round."
    )
    yield ""
    yield "| share of saturation | slates/s | p50 | p99 | p99.9 | p99 of rounds | degraded | shed | failed | generator late, p99 | a sort |"
    yield "|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|---|"
    for load in document["loads"]:
        (low, high), (least, most) = load["p99_range_ms"], load["pace_range_ms"]
        figures = " | ".join(number(load["latency_ms"][name]) for name in QUANTILES)
        yield (
            f"| {load['share']:.0%} | {load['slates_per_second']:,.0f} | {figures} | {number(low)} to {number(high)} | "
            f"{load['degraded']:.1%} | {load['shed']} | {load['failed']} | {number(load['lag_ms']['p99'])} | {number(least)} to {number(most)} |"
        )
    yield from ("", "Milliseconds by stage, as the answers tell them:", "")
    shares = [f"{load['share']:.0%} {name}" for load in document["loads"] for name in QUANTILES]
    yield f"| stage | {' | '.join(shares)} |"
    yield f"|---|{'---:|' * len(shares)}"
    for stage in document["loads"][0]["stages_ms"]:
        cells = [load["stages_ms"].get(stage, {}).get(name) for load in document["loads"] for name in QUANTILES]
        yield f"| {stage} | {' | '.join(map(number, cells))} |"
    yield ""


def _process(document: Document) -> Iterator[str]:
    memory, two = document["memory"], document["two"]
    yield from ("## The process", "")
    yield f"- From its start to its first slate: {document['cold_start']:.1f} seconds."
    for when, held in memory.items():
        yield f"- Memory, {when}: {held['rss_mb']:,.0f} MB resident, {held['pss_mb']:,.0f} MB with shared pages in part."
    if "reason" in two:
        yield f"- A second process: not measured ({two['reason']})."
    else:
        times = two["slates_per_second"] / document["saturation"]["slates_per_second"]
        yield (
            f"- A second process on the generator's own core, which it shares with it, slates without events: {two['slates_per_second']:,.0f} "
            f"slates a second at saturation, {times:.2f} times one process."
        )
    yield ""


def _freshness(freshness: Document) -> Iterator[str]:
    yield from ("## From an event to the next slate", "")
    ways = {
        "told": "until an answer says that it knew the event",
        "declined": "until an item that was declined is gone",
    }
    for way, words in ways.items():
        found = freshness[way]
        if found is None:
            yield f"- {words}: not measured; the server does not tell, or the domain has no such event."
            continue
        figures = ", ".join(f"{name} {number(found['milliseconds'][name])}" for name in ("p50", "p99"))
        yield (
            f"- {words}: {figures} ms from the acknowledgement to the arrival of the answer; {found['first']:.0%} of "
            f"{found['events']} in the very next slate, {found['missed']} not in time."
        )
    yield ""


def _swap(found: Document) -> Iterator[str]:
    yield from ("## Another champion", "")
    when = (
        "no answer of it came"
        if found["seconds"] is None
        else f"its first answer came after {found['seconds']:.2f} seconds"
    )
    yield (
        f"At {found['rate']:,.0f} requests a second the alias was moved to another version: {when}. p99 of requests until "
        f"the move {number(found['before_ms']['p99'])} ms, of those after it {number(found['after_ms']['p99'])} ms; "
        f"{found['shed']} shed, {found['failed']} failed, {found['given_up']} given up; slates by version: "
        f"{', '.join(f'{version}: {count:,}' for version, count in found['versions'].items())}."
    )
    yield ""


def _overload(found: Document | None) -> Iterator[str]:
    yield from ("## Too much", "")
    if found is None:
        yield from ("Not measured.", "")
        return
    back = found["recovery_seconds"]
    yield (
        f"{found['rate']:,.0f} requests a second for {found['seconds']:g} seconds: {found['slates_per_second']:,.0f} slates "
        f"a second answered with p99 {number(found['latency_ms']['p99'])} ms ({found['degraded']:.1%} degraded), "
        f"{found['shed']:,} shed, {found['failed']:,} failed otherwise, {found['given_up']:,} given up by users who do not "
        f"wait so long. Statuses: {', '.join(f'{status}: {count:,}' for status, count in found['statuses'].items())}. "
        f"Memory {found['before']['rss_mb']:,.0f} MB before, {found['after']['rss_mb']:,.0f} MB after. "
        + (
            "It did not recover within a minute."
            if back is None
            else f"Answers came at once again after {back:.2f} seconds."
        )
    )
    yield ""


def _mlflow(found: Document | None) -> Iterator[str]:
    yield from ("## The same model behind `mlflow models serve`", "")
    if found is None:
        yield from ("Not measured.", "")
        return
    held = f"{number(found['held'])} slates a second" if found["held"] else f"not even {found['least']:g} a second"
    yield (
        f"On the same core, the same users, a slate a request: {held} with p99 below {found['limit_ms']:.0f} ms; "
        f"{number(found['one_by_one'])} a second for somebody who asks again as soon as the answer is there "
        f"({number(found['milliseconds']['p50'])} ms at the median). {found['start_seconds']:.0f} seconds to start, "
        f"{found['memory']['rss_mb']:,.0f} MB resident."
    )
    yield ""


def _limit(found: Document, engine: Document) -> Iterator[str]:
    ranked = found["candidates"]
    yield from ("## The limit", "")
    yield (
        f"Index search, features and ranker alone, on arrays in one process without a server, on one core: nothing else "
        f"that a slate needs is counted. {found['requests']} requests of the same users; candidates ranked for each: "
        f"{ranked['least']} to {ranked['most']}, at the median {ranked['median']:.0f}. Beside it whole slates of the engine, "
        "asked in process with the requests that HTTP was asked with: retrieval with sessions, rules, re-ranking and "
        "propensities are in it, the server, events and the log of impressions are not. Milliseconds a request:"
    )
    yield ""
    yield "| batch | search | features | rank | all | slates/s | engine | slates/s | times the limit |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for size, taken in found["batches"].items():
        parts = " | ".join(number(taken[name]) for name in ("search", "features", "rank", "all"))
        whole = engine[size]
        yield (
            f"| {size} | {parts} | {taken['slates_per_second']:,.0f} | {number(whole['all'])} | "
            f"{whole['slates_per_second']:,.0f} | {whole['all'] / taken['all']:.2f} |"
        )


def number(value: float | None) -> str:
    """A figure to about three places; a dash where there is none."""
    if value is None:
        return "–"
    if value == float("inf"):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
