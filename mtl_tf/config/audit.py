"""The keys of the checks before training."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from mtl_tf.config.section import Section

# What the audit finds: clips that cannot be used, and clips that a run may accept.
UnusableClip = Literal["misnamed", "corrupt", "empty"]
DoubtfulClip = Literal[
    "silent",
    "clipped",
    "too_short",
    "duplicate",
    "wrong_sample_rate",
    "wrong_duration",
    "doubtful_end",
    "doubtful_events",
]


class AuditConfig(Section):
    """What is checked in every audio file before training."""

    on_error: Literal["stop", "skip"] = Field("stop", description="stop: list findings and end; skip: leave clips out")
    accept: list[DoubtfulClip] = Field(
        [], description="kinds of finding that are listed but neither stop a run nor leave a clip out"
    )
    skip: list[Literal[UnusableClip, DoubtfulClip]] = Field(
        [], description="kinds of finding whose clips are left out even with on_error=stop"
    )
    silence_peak: NonNegativeFloat = Field(1e-4, description="largest absolute sample below which a clip is silent")
    clipped_fraction: float = Field(0.01, gt=0, description="share of samples at full scale that counts as clipped")
    min_duration_s: PositiveFloat = Field(0.05, description="shortest clip; a run raises it to one analysis frame")
    time_limit_s: PositiveFloat = Field(20.0, description="time to decode one file before it counts as corrupt")
    num_workers: PositiveInt = Field(2, description="child processes")
