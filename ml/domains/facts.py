"""Facts: what is known about a user or an item beside events, declared once a domain."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

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
    online: bool = Field(False, description="Of users: whether it tells of what they did online.")
    bands: tuple[float, ...] = Field(
        (), description="Of a number: the bounds between its groups in reports, ascending, in the number's unit."
    )

    @model_validator(mode="after")
    def _bands_are_of_a_number(self) -> Self:
        if self.bands and self.kind != "number":
            raise ValueError(f"a {self.kind} has no bands: only a number has")
        if any(low >= high for low, high in pairwise(self.bands)):
            raise ValueError(f"the bands {self.bands} do not ascend")
        return self

    @property
    def grouped(self) -> bool:
        """Whether its values part people into groups."""
        return self.kind in ("category", "flag") or bool(self.bands)
