"""How the classifiers are fitted."""

from typing import Annotated

from pydantic import Field

from ml.domains.frozen import Frozen
from ml.searched import Searched


class Trees(Frozen):
    """One ensemble of gradient-boosted trees."""

    rounds: int = Field(ge=1, description="Trees.")
    maximum_depth: int = Field(ge=1, le=12, description="Splits from the root to a leaf.")


class RowsParameters(Frozen):
    """What any model of one classifier an item is fitted on."""

    maximum_items: int = Field(200, ge=1, description="Larger catalogues are refused: every item is a model.")
    minimum_takes: int = Field(5, ge=1, description="Items taken less often in the training rows have no model.")
    quiet_share: float = Field(0.1, gt=0, le=1, description="Share of the training rows without any take that stays.")
    protected: bool = Field(
        False, description="Whether items outside the guarded categories are scored by protected facts too."
    )


class ClassifiersParameters(RowsParameters):
    """How the trees are grown."""

    pooled: Trees = Field(Trees(rounds=150, maximum_depth=5), description="The model of all items together.")
    single: Trees = Field(Trees(rounds=60, maximum_depth=3), description="The model of one item, on top of it.")
    learning_rate: Annotated[float, Searched(0.03, 0.3, log=True)] = Field(
        0.1, gt=0, le=1, description="Share of each tree's answer that counts."
    )
    minimum_child_weight: Annotated[float, Searched(1, 30, log=True)] = Field(
        3.0, ge=0, description="Least sum of hessians in a leaf."
    )
    regularisation: Annotated[float, Searched(0.3, 30, log=True)] = Field(
        3.0, ge=0, description="L2 penalty on leaf values."
    )
    subsample: float = Field(0.8, gt=0, le=1, description="Share of rows a tree sees.")
    column_sample: float = Field(0.5, gt=0, le=1, description="Share of inputs a tree sees.")
