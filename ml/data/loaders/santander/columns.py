"""The columns of Santander's monthly snapshots, in English, with how each is written."""

from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

SNAPSHOT, CUSTOMER = "fecha_dato", "ncodpers"
PROVINCE, SENIORITY = "nomprov", "antiguedad"
UNKNOWN_SENIORITY, MOST_MONTHS = -999999, 2400


class Kind(Enum):
    """How a column is written."""

    DATE = "a date such as 2015-01-28"
    TEXT = "text"
    CODE = "text, in which 1.0 means 1"
    WHOLE = "a whole number"
    MONTHS = "a whole number of months from 0 to 2400"
    NUMBER = "a number with a decimal point"
    YES_NO = "S or N, 1 or 0"
    FLAG = "1 or 0"


class Fact(NamedTuple):
    """What a column says about a customer: the attribute that it lands as."""

    name: str
    kind: Kind


FACTS = MappingProxyType(
    {
        "ind_empleado": Fact("employment", Kind.TEXT),  # N no employee, A active, B former, F subsidiary, P passive
        "pais_residencia": Fact("country", Kind.TEXT),
        "sexo": Fact("sex", Kind.TEXT),  # V male, H female
        "age": Fact("age", Kind.WHOLE),
        "fecha_alta": Fact("joined_on", Kind.DATE),
        "ind_nuevo": Fact("is_new", Kind.YES_NO),  # joined in the last six months
        SENIORITY: Fact("member_since", Kind.MONTHS),  # counts months in the file; lands as the month it counts from
        "indrel": Fact("relation", Kind.CODE),  # 1 primary, 99 no longer primary at the end of the month
        "ult_fec_cli_1t": Fact("primary_until", Kind.DATE),
        "indrel_1mes": Fact("relation_type", Kind.CODE),  # 1 primary, 2 co-owner, P potential, 3 and 4 former ones
        "tiprel_1mes": Fact("relation_status", Kind.TEXT),  # A active, I inactive, P former, R potential
        "indresi": Fact("is_resident", Kind.YES_NO),
        "indext": Fact("is_born_abroad", Kind.YES_NO),
        "conyuemp": Fact("is_spouse_of_employee", Kind.YES_NO),
        "canal_entrada": Fact("joined_through", Kind.TEXT),
        "indfall": Fact("is_deceased", Kind.YES_NO),
        "tipodom": Fact("address_type", Kind.CODE),
        "cod_prov": Fact("province_code", Kind.CODE),
        PROVINCE: Fact("province", Kind.TEXT),
        "ind_actividad_cliente": Fact("is_active", Kind.YES_NO),
        "renta": Fact("income", Kind.NUMBER),
        "segmento": Fact("segment", Kind.TEXT),  # 01 top, 02 individuals, 03 graduates
    }
)
# Known of everybody but of the few customers of whom nothing is known.
MISSING_TOGETHER = (
    "ind_empleado", "pais_residencia", "fecha_alta", "ind_nuevo", "indrel", "indresi", "indext", "indfall",
    "ind_actividad_cliente",
)  # fmt: skip


class Product(NamedTuple):
    """One product: a flag of the snapshots."""

    name: str
    category: str


PRODUCTS = MappingProxyType(
    {
        "ind_ahor_fin_ult1": Product("Savings account", "savings"),
        "ind_aval_fin_ult1": Product("Guarantees", "credit"),
        "ind_cco_fin_ult1": Product("Current account", "account"),
        "ind_cder_fin_ult1": Product("Derivatives account", "investment"),
        "ind_cno_fin_ult1": Product("Payroll account", "account"),
        "ind_ctju_fin_ult1": Product("Junior account", "account"),
        "ind_ctma_fin_ult1": Product("Más particular account", "account"),
        "ind_ctop_fin_ult1": Product("Particular account", "account"),
        "ind_ctpp_fin_ult1": Product("Particular plus account", "account"),
        "ind_deco_fin_ult1": Product("Short-term deposits", "deposit"),
        "ind_deme_fin_ult1": Product("Medium-term deposits", "deposit"),
        "ind_dela_fin_ult1": Product("Long-term deposits", "deposit"),
        "ind_ecue_fin_ult1": Product("E-account", "account"),
        "ind_fond_fin_ult1": Product("Funds", "investment"),
        "ind_hip_fin_ult1": Product("Mortgage", "credit"),
        "ind_plan_fin_ult1": Product("Pension plan", "investment"),
        "ind_pres_fin_ult1": Product("Loans", "credit"),
        "ind_reca_fin_ult1": Product("Taxes", "payment"),
        "ind_tjcr_fin_ult1": Product("Credit card", "credit"),
        "ind_valo_fin_ult1": Product("Securities", "investment"),
        "ind_viv_fin_ult1": Product("Home account", "savings"),
        "ind_nomina_ult1": Product("Payroll", "payment"),
        "ind_nom_pens_ult1": Product("Pensions", "payment"),
        "ind_recibo_ult1": Product("Direct debit", "payment"),
    }
)
# The flags that the source leaves out in some rows: not owned. Any other that is missing is an error.
FLAGS_LEFT_OUT = ("ind_nomina_ult1", "ind_nom_pens_ult1")
BITS = MappingProxyType({flag: bit for bit, flag in enumerate(PRODUCTS)})  # of a customer's portfolio as one number
KINDS = MappingProxyType(
    {
        SNAPSHOT: Kind.DATE,
        CUSTOMER: Kind.WHOLE,
        **{column: fact.kind for column, fact in FACTS.items()},
        **dict.fromkeys(PRODUCTS, Kind.FLAG),
    }
)
# Path of each product's page on the bank's site: its short name inside the flag.
PAGES = MappingProxyType(
    {f"/products/{flag.removeprefix('ind_').removesuffix('_ult1').removesuffix('_fin')}": flag for flag in PRODUCTS}
)
