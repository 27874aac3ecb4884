"""A retail bank's eligibility rules: responsible lending, suitability, and consent."""

from ml.domains.eligibility import Eligibility
from ml.domains.eligibility_rules import (
    Affordability,
    Comparison,
    Consent,
    Exclusive,
    Flag,
    Membership,
    RecentEvent,
)

JUNIOR, PAYROLL_ACCOUNT = "ind_ctju_fin_ult1", "ind_cno_fin_ult1"
PARTICULAR, PARTICULAR_PLUS, MORE_PARTICULAR = "ind_ctop_fin_ult1", "ind_ctpp_fin_ult1", "ind_ctma_fin_ult1"
CURRENT, E_ACCOUNT = "ind_cco_fin_ult1", "ind_ecue_fin_ult1"
DERIVATIVES, SECURITIES, FUNDS, PENSION_PLAN = (f"ind_{name}_fin_ult1" for name in ("cder", "valo", "fond", "plan"))
ADULT_ACCOUNTS = (CURRENT, PAYROLL_ACCOUNT, MORE_PARTICULAR, PARTICULAR, PARTICULAR_PLUS, E_ACCOUNT)
PRODUCTS = (
    *ADULT_ACCOUNTS, JUNIOR, DERIVATIVES, SECURITIES, FUNDS, PENSION_PLAN,
    "ind_ahor_fin_ult1", "ind_aval_fin_ult1", "ind_deco_fin_ult1", "ind_deme_fin_ult1", "ind_dela_fin_ult1",
    "ind_hip_fin_ult1", "ind_pres_fin_ult1", "ind_reca_fin_ult1", "ind_tjcr_fin_ult1", "ind_viv_fin_ult1",
    "ind_nomina_ult1", "ind_nom_pens_ult1", "ind_recibo_ult1",
)  # fmt: skip
CREDIT, RISKY = ("credit",), ("investment",)
MONEY_LEFT = ("savings", "deposit", "investment")
BASIC = ("age", "is_deceased")  # what everything asks for at least

AGE = (
    Comparison(
        id="minimum_age", fact="age", operator=">=", item_fact="minimum_age",
        for_customer="You are below the age from which this product can be had.",
        for_auditor="Age below the product's minimum: majority for all but the junior account.",
    ),
    Comparison(
        id="maximum_age", fact="age", operator="<=", item_fact="maximum_age",
        for_customer="You are above the age up to which this product can be had.",
        for_auditor="Age above the product's maximum: the junior account is for minors only; credit must end in time.",
    ),
)  # fmt: skip
STANDING = (
    Flag(
        id="deceased", fact="is_deceased", equals=False,
        for_customer="This account is being settled; nothing new can be opened.",
        for_auditor="The customer is recorded as deceased: nothing is offered.",
    ),
    Flag(
        id="residency", fact="is_resident", equals=True, categories=(*CREDIT, *MONEY_LEFT),
        for_customer="This product is for residents of Spain.",
        for_auditor="Not tax resident: no credit, savings, deposits or investments (payment accounts are open to all).",
    ),
    Membership(
        id="employee_limits", fact="employment", among=("N", "B", "P"), categories=CREDIT,
        items=(DERIVATIVES, SECURITIES),
        for_customer="Employees of the group apply for this product through their staff terms.",
        for_auditor="Active employee of the bank (A) or a subsidiary (F): staff credit and staff dealing have their "
        "own approval.",
    ),
)  # fmt: skip
EXCLUSIVE = (
    Exclusive(
        id="one_particular_account", items=(PARTICULAR, PARTICULAR_PLUS, MORE_PARTICULAR),
        not_with=(PARTICULAR, PARTICULAR_PLUS, MORE_PARTICULAR),
        for_customer="You already have an account of this family; it can be changed into this one.",
        for_auditor="The particular accounts are tariffs of one account: a customer holds at most one.",
    ),
    Exclusive(
        id="junior_or_adult_account", items=(JUNIOR,), not_with=ADULT_ACCOUNTS,
        for_customer="You already have an account for adults.",
        for_auditor="Holder of an adult account: the junior account is not offered beside one.",
    ),
)  # fmt: skip
LENDING = (
    Comparison(
        id="minimum_income", fact="assessed_income", operator=">=", item_fact="minimum_income",
        categories=(*CREDIT,), items=(PARTICULAR_PLUS, DERIVATIVES),
        for_customer="Your income is below what this product asks for.",
        for_auditor="Assessed yearly income below the product's minimum.",
    ),
    Affordability(
        id="affordability", instalment="instalment", income="assessed_income", limit=0.35, categories=CREDIT,
        for_customer="Your monthly instalments are already a large part of your income.",
        for_auditor="Instalments above 35 % of the assessed monthly income.",
    ),
    Comparison(
        id="credit_utilisation", fact="credit_utilisation", operator="<=", value=0.8, categories=CREDIT,
        for_customer="You already use most of your credit limit.",
        for_auditor="More than 80 % of the granted card limit is used.",
    ),
    Comparison(
        id="arrears", fact="arrears_months", operator="<=", value=0, categories=CREDIT,
        for_customer="Please settle the payments that are due first.",
        for_auditor="One month or more in arrears.",
    ),
    Flag(
        id="vulnerable_no_credit", fact="vulnerable", equals=False, categories=CREDIT,
        for_customer="We would like to talk with you before we offer credit.",
        for_auditor="Recorded as vulnerable: no credit is offered unasked.",
    ),
    RecentEvent(
        id="recent_refusal", events=("refuse",), days=180, of="category", categories=CREDIT,
        for_customer="We turned down an application of yours lately; please come back later.",
        for_auditor="An application for credit was refused within 180 days.",
    ),
)  # fmt: skip
SUITABILITY = (
    Comparison(
        id="suitability", fact="risk_tolerance", operator=">=", item_fact="risk_level", categories=RISKY,
        for_customer="This investment carries more risk than you told us you want to bear.",
        for_auditor="The product's risk level is above the customer's risk tolerance.",
    ),
    Flag(
        id="vulnerable_no_high_risk", fact="vulnerable", equals=False, items=(DERIVATIVES, SECURITIES, FUNDS),
        for_customer="We would like to talk with you before we offer a risky investment.",
        for_auditor="Recorded as vulnerable: no investment of risk level 3 or above is offered unasked.",
    ),
)  # fmt: skip
CHOICE = (
    RecentEvent(
        id="recent_decline", events=("decline",), days=90,
        for_customer="You told us lately that you do not want this.",
        for_auditor="The customer declined the product within 90 days.",
    ),
    Consent(
        id="consent",
        channels={
            "email": "consent_email", "phone": "consent_phone", "post": "consent_post", "app": "consent_app",
        },
        for_customer="You have not agreed to offers through this channel.",
        for_auditor="No recorded consent to marketing through the channel asked for.",
    ),
)  # fmt: skip

BANKING_ELIGIBILITY = Eligibility(
    rules=(*AGE, *STANDING, *EXCLUSIVE, *LENDING, *SUITABILITY, *CHOICE),
    categories=("account", "savings", "deposit", "investment", "credit", "payment"),
    items=PRODUCTS,
    required={
        "payment": BASIC,
        "account": BASIC,
        PARTICULAR_PLUS: (*BASIC, "assessed_income"),
        "savings": (*BASIC, "is_resident"),
        "deposit": (*BASIC, "is_resident"),
        "investment": (*BASIC, "is_resident", "employment", "risk_tolerance", "vulnerable"),
        "credit": (
            *BASIC, "is_resident", "employment", "assessed_income", "credit_utilisation", "loan_amount", "instalment",
            "arrears_months", "vulnerable",
        ),
    },
)  # fmt: skip
