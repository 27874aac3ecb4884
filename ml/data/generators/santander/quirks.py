"""The snapshots as the competition's file writes them: text, with its padding, gaps and mixed types."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.data.arrays import Bools, Ints
from ml.data.generators.santander.catalogue import INDEX, PRODUCTS
from ml.data.generators.santander.facts import MISSING, MISSING_TOGETHER, UNKNOWN_SENIORITY
from ml.data.generators.santander.months import Days, snapshot_day
from ml.data.generators.santander.population import CHANNELS, Population
from ml.data.generators.santander.provinces import CODES, PROVINCES, SHARES
from ml.data.generators.santander.simulation import Month

SENIORITY_UNKNOWN = 0.0001  # of the rows: far more than in the real file, so that a small one has some
FLAG_UNKNOWN = 0.4  # of the rows whose customer columns are missing: the last two flags but one
DECIMAL_UNTIL = 6  # month from which `indrel_1mes` is `1` and no more `1.0`
NEW_FOR = 6  # months during which `ind_nuevo` is 1
ABROAD = 0.0048  # of the customers; they have no province
ACTIVE = (0.10, 0.75)  # share of active customers: holding nothing, holding something
SEGMENTS = ("01 - TOP", "02 - PARTICULARES", "03 - UNIVERSITARIO")
TOP_INCOME = 300_000.0  # euros a year
Text = NDArray[np.object_]


@dataclass(frozen=True)
class Particulars:
    """Text that stays the same for each of N customers, each (N,)."""

    employee: Text
    country: Text
    sex: Text
    foreign: Text
    spouse: Text
    channel: Text
    province: Ints  # row of `PROVINCES`, -1 for none
    segment: Text
    income: Text

    @classmethod
    def draw(cls, random: np.random.Generator, population: Population) -> "Particulars":
        """For the customers of one block."""
        size = len(population)
        abroad = random.random(size) < ABROAD
        segment = np.where(population.age_group == 1, 2, np.where(population.income > TOP_INCOME, 0, 1))
        province = random.choice(len(PROVINCES), size, p=SHARES)
        missing = [MISSING["canal_entrada"], MISSING["nomprov"] - ABROAD, MISSING["segmento"]]
        known = random.random((3, size)) >= np.array(missing)[:, None]
        return cls(
            employee=_draw(random, size, {"N": 0.9994, "B": 0.0003, "F": 0.0002, "A": 0.0001}),
            country=np.where(abroad, _draw(random, size, {"FR": 0.4, "AR": 0.3, "DE": 0.3}), _all(size, "ES")),
            sex=_draw(random, size, {"V": 0.543, "H": 0.457}),
            foreign=np.where(random.random(size) < 0.047, _all(size, "S"), _all(size, "N")),
            spouse=_draw(random, size, {"": MISSING["conyuemp"], "N": 1 - MISSING["conyuemp"]}),
            channel=np.where(known[0], _pick(CHANNELS, population.channel), _all(size, "")),
            province=np.where(known[1] & ~abroad, province, -1),
            segment=np.where(known[2], _pick(SEGMENTS, segment), _all(size, "")),
            income=np.where(population.income_known, _decimal(population.income), _all(size, "")),
        )


def snapshot(random: np.random.Generator, population: Population, particulars: Particulars, month: Month) -> pa.Table:
    """The rows of one month, its customers in the order of their numbers: 48 columns of text."""
    rows = np.flatnonzero(month.present)
    columns = _customer_columns(random, population, particulars, month)
    missing = random.random(len(month.present)) < MISSING_TOGETHER
    for name, value in columns.items():
        columns[name] = np.where(missing, _all(len(missing), MISSING_TEXT.get(name, "")), value)
    flags = {product.flag: _pick("01", month.held[:, number]) for number, product in enumerate(PRODUCTS)}
    # Only where the flag is 0: what reads a missing flag as 0, as the competition did, sees the same additions.
    unknown = missing & (random.random(len(missing)) < FLAG_UNKNOWN) & ~month.held[:, _PAYROLL].any(axis=1)
    for number in _PAYROLL:
        flag = PRODUCTS[number].flag
        flags[flag] = np.where(unknown, _all(len(missing), "NA"), flags[flag])
    day = _all(len(missing), str(snapshot_day(month.month)))
    every = {"fecha_dato": day, "ncodpers": population.customer.astype(str), **columns, **flags}
    return pa.table({name: pa.array(value[rows], pa.string()) for name, value in every.items()})


MISSING_TEXT = {"age": " NA", "ind_nuevo": "NA", "antiguedad": "     NA", "indrel": "NA", "tipodom": "NA"}
_PAYROLL = [INDEX["nomina"], INDEX["nom_pens"]]


def _customer_columns(
    random: np.random.Generator, population: Population, particulars: Particulars, month: Month
) -> dict[str, Text]:
    """The columns that are missing together, for every customer of the block."""
    size = len(population)
    seniority = _months_between(population.since, snapshot_day(month.month))
    unknown_seniority = random.random(size) < SENIORITY_UNKNOWN
    left = random.random(size) >= MISSING["ult_fec_cli_1t"]  # was a primary customer at the month's start only
    active = random.random(size) < np.array(ACTIVE)[month.held.any(axis=1).astype(int)]
    first = str(snapshot_day(month.month) - 27)
    return {
        "ind_empleado": particulars.employee,
        "pais_residencia": particulars.country,
        "sexo": particulars.sex,
        "age": _padded(population.age(month.month), 3),
        "fecha_alta": population.since.astype(str).astype(object),
        "ind_nuevo": _padded((seniority < NEW_FOR).astype(int), 2),
        "antiguedad": np.where(unknown_seniority, str(UNKNOWN_SENIORITY), _padded(seniority, 7)),
        "indrel": np.where(left, _all(size, "99"), _all(size, " 1")),
        "ult_fec_cli_1t": np.where(left, _all(size, first), _all(size, "")),
        "indrel_1mes": _relation(random, size, month.month),
        "tiprel_1mes": np.where(active, _all(size, "A"), _all(size, "I")),
        "indresi": np.where(particulars.country == "ES", _all(size, "S"), _all(size, "N")),
        "indext": particulars.foreign,
        "conyuemp": particulars.spouse,
        "canal_entrada": particulars.channel,
        "indfall": _draw(random, size, {"N": 0.9975, "S": 0.0025}),
        "tipodom": _all(size, " 1"),
        "cod_prov": _pick((*(f"{code:2d}" for code in CODES), ""), particulars.province),
        "nomprov": _pick((*PROVINCES, ""), particulars.province),
        "ind_actividad_cliente": _pick("01", active),
        "renta": particulars.income,
        "segmento": particulars.segment,
    }


def _relation(random: np.random.Generator, size: int, month: int) -> Text:
    decimal, whole = (0.97, 0.0275) if month < DECIMAL_UNTIL else (0.05, 0.9475)
    return _draw(random, size, {"1.0": decimal, "1": whole, "3": 0.001, "2.0": 0.0005, "P": 0.001})


def _months_between(since: Days, day: np.datetime64) -> Ints:
    return np.asarray((day.astype("datetime64[M]") - since.astype("datetime64[M]")).astype(np.int64))


def _draw(random: np.random.Generator, size: int, shares: dict[str, float]) -> Text:
    return _pick(tuple(shares), random.choice(len(shares), size, p=list(shares.values())))


def _pick(texts: tuple[str, ...] | str, number: Ints | Bools) -> Text:
    """The text of each number; -1 picks the last."""
    return np.array(list(texts), object)[number.astype(np.int64)]


def _padded(number: Ints, width: int) -> Text:
    """Right-aligned text, made once for each different number."""
    different, which = np.unique(number, return_inverse=True)
    return np.array([f"{each:{width}d}" for each in different], object)[which]


def _decimal(number: NDArray[np.float64]) -> Text:
    return np.array([f"{each:.2f}".rstrip("0").rstrip(".") for each in number.tolist()], object)


def _all(size: int, text: str) -> Text:
    return np.full(size, text, object)
