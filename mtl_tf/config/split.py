"""The keys of the division of clips."""

from typing import Literal, Self

from pydantic import Field, model_validator

from mtl_tf.config.section import Section, Seed


class SplitConfig(Section):
    """How clips are divided into training, validation and test."""

    strategy: Literal[
        "predefined", "random", "held_out", "k_fold", "grouped_k_fold", "leave_one_group_out", "train_only"
    ] = Field(
        "predefined",
        description="predefined: the corpus's official split or folds; random: test_fraction of clips; held_out: the "
        "groups listed in test_groups; k_fold, grouped_k_fold, leave_one_group_out: cross-validation; train_only: "
        "every clip trains",
    )
    group: str = Field("speaker", description="manifest column that must not be shared by training and test")
    test_groups: list[str] = Field([], description="values of the group column held out for test (held_out)")
    test_fraction: float = Field(0.2, gt=0, lt=1, description="share of clips tested (random)")
    num_folds: int = Field(5, ge=2, description="number of folds (k_fold, grouped_k_fold)")
    validation_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of the training part kept to choose the best epoch; 0: the last epoch is used",
    )
    validation_group: str | None = Field(
        None,
        description="manifest column whose values validation shares with no training clip; unseen: that of split.group "
        "where the test clips are of groups that training does not have, and at least five groups train; null: random "
        "clips",
    )
    validation_folds: int | None = Field(
        None,
        ge=2,
        description="validate on one of so many equal parts of the training clips in place of validation_fraction; "
        "repeat K takes part K, so with as many repeats every training clip validates once; null: one random choice",
    )
    validation_part: int = Field(0, ge=0, description="of validation_folds: the part of the first repeat, from 0 on")
    known_fraction: float = Field(
        0.15, gt=0, lt=1, description="share of clips of training groups held out to score closed-set tasks"
    )
    hold_out_known: Literal["closed_set", "always"] = Field(
        "closed_set",
        description="when to hold known_fraction out: where a closed-set task needs it; always, so that runs with and "
        "without such a task train on the same clips",
    )
    scored_corpora: list[str] = Field(
        [],
        description="corpora whose test clips are scored; the others help in training: whole where division is by "
        "group, and without the share drawn for test where it is random; empty: all are scored",
    )
    trained_corpora: list[str] = Field(
        [], description="corpora whose clips train and validate; the others are tested alone; empty: all"
    )
    seed: Seed = Field(0, description="seed of the division; apart from the run's seed, so that runs compare")

    @model_validator(mode="after")
    def _part_is_there(self) -> Self:
        if self.validation_folds is not None and self.validation_part >= self.validation_folds:
            raise ValueError(f"validation_part={self.validation_part}: give one from 0 to {self.validation_folds - 1}")
        return self
