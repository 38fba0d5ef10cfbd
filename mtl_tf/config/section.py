"""What all sections of a configuration share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """Base of all sections: unknown keys and infinite numbers are errors, values cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
