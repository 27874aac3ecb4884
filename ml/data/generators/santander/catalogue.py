"""The 24 products: what the snapshots' flags mean, and what the bank asks for and pays.

Names are the flags' own short names; everything beside them is synthetic.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.generators.santander.facts import FLAGS


@dataclass(frozen=True)
class Product:
    """One product.

    Attributes:
        name: Short name inside the flag: `cco` of `ind_cco_fin_ult1`.
        title: In English.
        risk_level: 1 (none) to 5 (may lose more than was paid in).
        yield_rate: Paid to the customer a year, as a share; what a credit product costs is negative.
        duration_months: 0 for no fixed term.
        fee: Euros a year.
        margin: The bank's, as a share of the turnover.
        minimum_income: Euros a year.
        launched_at: ISO date.
    """

    name: str
    title: str
    category: str
    risk_level: int
    yield_rate: float
    duration_months: int
    terms: str
    fee: float
    margin: float
    minimum_income: int
    minimum_age: int
    maximum_age: int
    launched_at: str = "2005-01-01"

    @property
    def flag(self) -> str:
        """Column of the snapshots."""
        return next(flag for flag in FLAGS if f"_{self.name}_" in flag)


FREE = "no notice"
FIXED = "early withdrawal forfeits the interest"
CREDIT = "subject to approval"
INVESTED = "value may fall"
PRODUCTS = (
    Product("ahor", "Savings account", "savings", 1, 0.004, 0, FREE, 0, 0.006, 0, 18, 120, "2015-10-01"),
    Product("aval", "Guarantee", "credit", 3, -0.02, 12, CREDIT, 60, 0.020, 30_000, 18, 75, "2016-01-01"),
    Product("cco", "Current account", "account", 1, 0.0, 0, FREE, 36, 0.004, 0, 18, 120),
    Product("cder", "Derivatives account", "investment", 5, 0.0, 0, INVESTED, 40, 0.030, 50_000, 18, 80),
    Product("cno", "Payroll account", "account", 1, 0.002, 0, "payroll paid in", 0, 0.005, 0, 18, 120),
    Product("ctju", "Junior account", "account", 1, 0.005, 0, "held by a guardian", 0, 0.001, 0, 0, 17),
    Product("ctma", "Más particular account", "account", 1, 0.003, 0, FREE, 24, 0.005, 0, 18, 120, "2015-04-01"),
    Product("ctop", "Particular account", "account", 1, 0.001, 0, FREE, 24, 0.004, 0, 18, 120),
    Product("ctpp", "Particular plus account", "account", 1, 0.002, 0, FREE, 48, 0.006, 20_000, 18, 120),
    Product("deco", "Short-term deposit", "deposit", 1, 0.006, 6, FIXED, 0, 0.008, 0, 18, 120),
    Product("deme", "Medium-term deposit", "deposit", 1, 0.008, 18, FIXED, 0, 0.009, 0, 18, 120),
    Product("dela", "Long-term deposit", "deposit", 1, 0.011, 36, FIXED, 0, 0.010, 0, 18, 120),
    Product("ecue", "E-account", "account", 1, 0.002, 0, "online only", 0, 0.004, 0, 18, 120),
    Product("fond", "Investment fund", "investment", 3, 0.032, 0, INVESTED, 0, 0.015, 0, 18, 120),
    Product("hip", "Mortgage", "credit", 2, -0.024, 300, CREDIT, 0, 0.014, 25_000, 18, 65),
    Product("plan", "Pension plan", "investment", 2, 0.021, 120, "until retirement", 0, 0.012, 0, 18, 64),
    Product("pres", "Loan", "credit", 2, -0.079, 48, CREDIT, 0, 0.042, 15_000, 18, 70),
    Product("reca", "Taxes", "payment", 1, 0.0, 0, FREE, 0, 0.001, 0, 18, 120),
    Product("tjcr", "Credit card", "credit", 2, -0.18, 0, CREDIT, 30, 0.050, 10_000, 18, 80),
    Product("valo", "Securities", "investment", 4, 0.045, 0, INVESTED, 20, 0.012, 0, 18, 120),
    Product("viv", "Home account", "savings", 1, 0.006, 48, "saved towards a home", 0, 0.007, 0, 18, 45),
    Product("nomina", "Payroll", "payment", 1, 0.0, 0, FREE, 0, 0.002, 0, 18, 70),
    Product("nom_pens", "Pensions", "payment", 1, 0.0, 0, FREE, 0, 0.002, 0, 18, 120),
    Product("recibo", "Direct debit", "payment", 1, 0.0, 0, FREE, 0, 0.001, 0, 18, 120),
)
NAMES = tuple(product.name for product in PRODUCTS)
INDEX = {name: number for number, name in enumerate(NAMES)}
COUNT = len(PRODUCTS)
IS_CREDIT = np.array([product.category == "credit" for product in PRODUCTS])
RISK_LEVEL = np.array([product.risk_level for product in PRODUCTS])
MINIMUM_AGE = np.array([product.minimum_age for product in PRODUCTS])
MAXIMUM_AGE = np.array([product.maximum_age for product in PRODUCTS])
MINIMUM_INCOME = np.array([product.minimum_income for product in PRODUCTS])
LAUNCHED_AT = np.array([product.launched_at for product in PRODUCTS], "datetime64[D]")


def by_product(values: dict[str, float], default: float = 0.0) -> np.ndarray:
    """A vector over the products, (24,), from the values of some."""
    vector = np.full(COUNT, default)
    vector[[INDEX[name] for name in values]] = list(values.values())
    return vector
