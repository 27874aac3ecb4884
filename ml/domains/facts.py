"""Facts: what is known about a user or an item beside events, declared once a domain."""

from typing import Literal

from pydantic import Field

from ml.domains.frozen import Frozen


class Fact(Frozen):
    """One attribute of the landed JSON objects that models, rules and reports may read.

    A `number` is a JSON number, a `flag` true or false, a `moment` an ISO date or timestamp (UTC), and a `category`
    any text. What is not there is not known, never a default.
    """

    kind: Literal["number", "flag", "category", "moment"]
    description: str = Field(min_length=3, description="One line for people, with the unit.")
    protected: bool = Field(False, description="An attribute by which nobody may be treated differently.")
    for_models: bool = Field(True, description="Whether models read it; otherwise rules and reports alone.")
