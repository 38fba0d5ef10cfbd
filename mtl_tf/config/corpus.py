"""The keys of one corpus."""

import re
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from mtl_tf.config.audit import DoubtfulClip, UnusableClip
from mtl_tf.config.section import Section
from mtl_tf.config.split import SplitConfig


class CorpusConfig(Section):
    """One corpus of a run."""

    name: str = Field(
        description="a published corpus, which is a reader in mtl_tf/corpora; for one of your own folders, table, "
        "annotated or audformat"
    )
    path: str | None = Field(
        None, description="folder of the corpus, or table of one of your own; null: the folder NAME below data_root"
    )
    levels: list[str] = Field(
        ["label"], description="columns that folders within folders stand for, from the outermost (name=folders)"
    )
    columns: dict[str, str] = Field(
        {},
        description="column of ours (file, start, end, onset, offset, speaker, session, split, fold) to the table's "
        "(name=table); what is called alike needs no entry",
    )
    patterns: dict[str, str] = Field(
        {},
        description="column to a regular expression; where the path of a clip fits it, its first group "
        "is the value of that column, as {speaker: '([0-9]+)_take'} reads 12 from a/12_take3.wav (own corpora)",
    )
    audio_dir: str | None = Field(
        None, description="folder that the table's files are relative to (name=table); null: that of the table"
    )
    annotations: Literal["any", "rttm", "jams", "labels"] = Field(
        "any", description="which files beside the audio are read (name=annotated): RTTM and UEM, JAMS, or label tracks"
    )
    title: str = Field("", description="of a corpus of your own, for reports; empty: its name")
    licence: str = Field("", description="of a corpus of your own, for reports")
    citation: str = Field("", description="of a corpus of your own, for reports")
    where: dict[str, list[str]] = Field({}, description="keep only clips whose column has one of these values")
    crop_s: PositiveFloat | None = Field(None, description="use only the first seconds of each clip")
    sample_rates: list[PositiveInt] = Field(
        [], description="sample rates in Hz to accept beside the published ones and the most frequent one"
    )
    mixing_weight: NonNegativeFloat = Field(1.0, description="share of this corpus under pipeline.mixing=quota")
    split: SplitConfig | None = Field(None, description="a division of its own, in place of the run's")

    accept: list[DoubtfulClip] = Field([], description="kinds of finding accepted in it, beside audit.accept")
    skip: list[Literal[UnusableClip, DoubtfulClip]] = Field(
        [], description="kinds of finding whose clips are left out of it, beside audit.skip"
    )

    @field_validator("patterns")
    @classmethod
    def _are_expressions(cls, patterns: dict[str, str]) -> dict[str, str]:
        for column, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{column}: {pattern} is no regular expression: {error}") from error
        return patterns
