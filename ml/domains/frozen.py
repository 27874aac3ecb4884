"""What every declared value is."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: typed, validated, immutable, and strict about names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
