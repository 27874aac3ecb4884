"""What a bank knows about its customers and its products."""

from ml.domains.facts import Fact


def _category(description: str, *, protected: bool = False) -> Fact:
    return Fact(kind="category", description=description, protected=protected)


def _number(description: str, *, protected: bool = False) -> Fact:
    return Fact(kind="number", description=description, protected=protected)


def _flag(description: str, *, protected: bool = False, for_models: bool = True) -> Fact:
    return Fact(kind="flag", description=description, protected=protected, for_models=for_models)


USER_FACTS = {
    # Of the monthly snapshots.
    "age": Fact(kind="number", description="Years.", protected=True, bands=(18, 30, 45, 65)),
    "sex": _category("V male, H female.", protected=True),
    "is_born_abroad": _flag("Born in another country than the bank's.", protected=True),
    "country": _category("Country of residence.", protected=True),
    "employment": _category("N no employee of the bank, A active, B former, F of a subsidiary, P passive."),
    "is_new": _flag("Joined in the last six months."),
    "member_since": Fact(kind="moment", description="Month since which somebody is a customer."),
    "relation_type": _category("1 primary, 2 co-owner, P potential, 3 and 4 former."),
    "relation_status": _category("A active, I inactive, P former, R potential."),
    "is_resident": _flag("Lives in the bank's country."),
    "is_deceased": _flag("Has died.", for_models=False),
    "joined_through": _category("Channel by which somebody became a customer."),
    "province_code": _category("Province."),
    "is_active": _flag("Used the bank lately."),
    "income": _number("Gross income of the household, euros a year."),
    "segment": _category("01 top, 02 individuals, 03 graduates."),
    # Of the bank's own records.
    "assessed_income": _number("Income that the bank has seen proof of, euros a year."),
    "credit_utilisation": _number("Share of the credit lines that is drawn."),
    "loan_amount": _number("Euros owed."),
    "instalment": _number("Euros a month paid back."),
    "arrears_months": _number("Months in arrears."),
    "behaviour_score": _number("The bank's own score of how reliably somebody pays."),
    "digital_engagement": _number("Use of the bank's digital channels, 1 is usual."),
    "risk_tolerance": _number("From 1, none, to 5, as assessed with the customer."),
    "consent_email": _flag("Agreed to be written to by e-mail.", for_models=False),
    "consent_phone": _flag("Agreed to be called.", for_models=False),
    "consent_post": _flag("Agreed to be written to by post.", for_models=False),
    "consent_app": _flag("Agreed to be notified in the app.", for_models=False),
    "vulnerable": _flag("In circumstances that call for particular care.", for_models=False),
    "branch_visits": _number("Visits to a branch in the last month."),
    "site_sessions": Fact(kind="number", description="Sessions on the site in the last month.", online=True),
}

ITEM_FACTS = {
    "risk_level": _number("From 1, none, to 5, may lose more than was paid in."),
    "yield_rate": _number("Paid to the customer a year, as a share; negative is what credit costs."),
    "duration_months": _number("Months of a fixed term; 0: none."),
    "terms": _category("What holds beside."),
    "fee": _number("Euros a year."),
    "minimum_income": _number("Euros a year."),
    "minimum_age": _number("Years."),
    "maximum_age": _number("Years."),
}
