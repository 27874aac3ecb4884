"""A made-up bank in the schema of Kaggle's Santander Product Recommendation, with hidden needs and a known ceiling.

The model, month by month, for every customer:

1. They hold products (`population`), have finances (`finances`) and are sometimes contacted (`branches`).
2. They are in a hidden stage of life z, a Markov chain that starts from their age (`stages`).
3. At most one need k comes up, with P(k | z, x): by person, season, what they added or dropped lately, a first account
   that is missing, a contact (`needs`).
4. The need shows, noisily, in site sessions (`sessions`) and branch visits (`branches`).
5. In the next month they act upon it or let it go: an application is approved, refused for what the finances show, or
   withdrawn; what is approved brings its companions along. Products are dropped, too (`adoption`).

The stage and the need are written nowhere. Everything else that weighs on an addition is: so the probability of each
addition given what can be observed is exact, by Bayes' rule over 5 stages × 25 needs and the forward algorithm over the
months (`ceiling`). It knows the model's parameters, which a recommender has to learn. Two things that it knows are
written with gaps: the age in the 0.24 % of rows whose customer columns are missing, and the channel of 0.9 %.

Customers are simulated in blocks of 4,096 with seeds of their own, so memory does not grow with their number.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.artifacts import MANIFEST, built_beside, code_digest, manifest, write_json
from ml.data.generators.santander import quirks, tables
from ml.data.generators.santander.facts import MONTHS
from ml.data.generators.santander.population import draw_population
from ml.data.generators.santander.randomness import BLOCK, Streams
from ml.data.generators.santander.simulation import Simulation
from ml.data.generators.santander.writing import CEILING, Files
from ml.errors import BadInput
from ml.logs import progress

TEST_MONTHS = 5  # the last months with additions, whose rankings the ceiling holds


def generate(folder: Path, *, customers: int, months: int = MONTHS, seed: int) -> Mapping[str, Any]:
    """Write the files of a bank; the same arguments give the same bytes, and find what they wrote before.

    Args:
        folder: Where they appear, all at once: `train_ver2.csv`, `test_ver2.csv` (the month after the last, without
            products), Parquet files, `ceiling/` and a manifest.
        customers: Seen in the first 17 months; a shorter file lacks those who join later.
        months: 3 to 17 monthly snapshots, from 2015-01-28 on.
        seed: From 0 on.

    Returns:
        The manifest: `inputs`, and `rows` by file.

    Raises:
        BadInput: The numbers are out of bounds, or the folder holds something else.
    """
    _check(customers, months, seed)
    inputs = {"customers": customers, "months": months, "seed": seed, "code": code_digest("data/generators")}
    if folder.exists() and not _is_free(folder):
        return _found(folder, inputs)
    with built_beside(folder) as beside:
        summary = {"kind": "generator/santander", "inputs": inputs, "rows": _write(beside, customers, months, seed)}
        write_json(beside / MANIFEST, summary)
    return summary


def _check(customers: int, months: int, seed: int) -> None:
    if customers < 1:
        raise BadInput(f"customers is {customers}: at least 1 is needed")
    if not 3 <= months <= MONTHS:
        raise BadInput(f"months is {months}: choose 3 to {MONTHS}, the months of the competition's file")
    if seed < 0:
        raise BadInput(f"seed is {seed}: choose a whole number from 0 on")


def _is_free(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _found(folder: Path, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    if (folder / MANIFEST).is_file() and (found := manifest(folder)).get("inputs") == inputs:
        return found
    raise BadInput(
        f"{folder} holds something else, or what other arguments or another version wrote: remove it, or choose another folder"
    )


def _write(folder: Path, customers: int, months: int, seed: int) -> dict[str, int]:
    starts = range(0, customers, BLOCK)
    with Files(folder, months) as files:
        files.add("products", tables.products())
        for block, start in enumerate(progress(starts, "Customers", total=len(starts))):
            _write_block(files, block, min(BLOCK, customers - start), months, seed)
        files.finish()
    return files.rows


def _write_block(files: Files, block: int, size: int, months: int, seed: int) -> None:
    streams = Streams.of_block(seed, block)
    population = draw_population(streams.population, block, size)
    particulars = quirks.Particulars.draw(streams.quirks, population)
    tested = range(max(months - 1 - TEST_MONTHS, 1), months - 1)
    for month in Simulation(population, streams).run(months + 1):
        files.add_snapshot(month.month, quirks.snapshot(streams.quirks, population, particulars, month))
        if month.month == months:
            return  # nobody knows what happened in the test month: its finances alone would tell who took a loan
        files.add("finances", tables.finances(population, month))
        files.add("site_sessions", tables.site_sessions(population, month))
        files.add("contacts", tables.contacts(streams.moments, population, month))
        files.add("applications", tables.applications(streams.moments, population, month))
        files.add("branch_visits", tables.branch_visits(streams.moments, population, month))
        if month.month in tested:
            files.add(CEILING, tables.ceiling(population, month))
