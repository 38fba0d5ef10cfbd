"""The keys of one task, and of where its labels are."""

from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from mtl_tf.config.section import Section, Seed
from mtl_tf.tasks import metrics


class LabelsConfig(Section):
    """Where a task's labels come from in one corpus."""

    column: str | None = Field(
        None, description="manifest column with the native label, or with several of them where they are tags"
    )
    columns: dict[str, str] = Field({}, description="of tags: each with a column of its own, which holds yes or no")
    separator: str = Field(",", min_length=1, description="of tags: what stands between them in a cell")
    empty: Literal["none", "unknown"] = Field(
        "none", description="of tags: whether an empty cell says that none is there, or nothing"
    )
    annotated: Literal["all", "positive"] = Field(
        "all", description="of tags: whether one that is not named is absent (all) or not known (positive)"
    )
    map: dict[str, str] = Field({}, description="native label to class; a label not named here must be a class itself")
    ignore: list[str] = Field([], description="native labels that carry no label for this task")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (not self.columns):
            raise ValueError("give either column or columns")
        return self

    def all_columns(self) -> list[str]:
        """Returns the manifest columns that are read."""
        return list(dict.fromkeys(self.columns.values())) or [str(self.column)]


class TaskConfig(Section):
    """One question asked of every clip."""

    kind: Literal["single_label", "multi_label", "frame_single_label", "frame_multi_label"] = Field(
        "single_label",
        description="one class per clip, or tags, of which none or several are right; with frame_ the same of every "
        "step in time, where the classes are events",
    )
    classes: list[str] | None = Field(None, description="class names in order; null: those found in the training clips")
    main_metric: Literal[metrics.MAIN] | None = Field(  # type: ignore[valid-type]
        None,
        description="the score a run is judged by, and its best epoch chosen by; null: uar, map for tags, "
        "frame_f1 for events",
    )
    closed_set: bool = Field(
        False,
        description="classes are the groups themselves (who speaks): scored on held-out clips of known groups",
    )
    background: str | None = Field(
        None, description="of kind=frame_single_label: class of the time without an event; null: it is not known"
    )
    median_filter_s: NonNegativeFloat = Field(
        0.0, description="of events: width of a median filter over the answers of steps; 0: none"
    )
    min_gap_s: NonNegativeFloat = Field(0.0, description="of events: those of a class with a shorter gap are one")
    min_length_s: NonNegativeFloat = Field(0.0, description="of events: shorter ones are left out")
    permute_seed: Seed | None = Field(
        None,
        description="a control: the labels of the training and validation clips of each corpus are shuffled among "
        "them, by this seed; null: they stay",
    )
    labels: dict[str, LabelsConfig] = Field(description="corpus name to where its labels are")

    @model_validator(mode="before")
    @classmethod
    def _default_metric(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("main_metric") is None:
            kind = str(values.get("kind", "single_label"))
            default = "frame_f1" if kind.startswith("frame_") else "map" if kind == "multi_label" else "uar"
            return values | {"main_metric": default}
        return values

    @model_validator(mode="after")
    def _properties_fit(self) -> Self:
        known = metrics.metrics_of(metrics.MAIN, self.exclusive, self.of_frames)
        if self.main_metric not in known:
            raise ValueError(f"main_metric of kind={self.kind} is {' or '.join(known)}")
        if self.closed_set and (not self.exclusive or self.of_frames):
            raise ValueError("closed_set=true needs kind=single_label")
        if self.background is not None and not (self.exclusive and self.of_frames):
            raise ValueError(f"background={self.background} needs kind=frame_single_label")
        if self.background is not None and self.classes is not None and self.background not in self.classes:
            raise ValueError(f"background={self.background} is none of the classes")
        tags = [name for name, labels in self.labels.items() if labels.columns]
        if tags and (self.exclusive or self.of_frames):
            raise ValueError(f"labels.{tags[0]}.columns needs kind=multi_label; give column")
        return self

    @property
    def exclusive(self) -> bool:
        """Whether exactly one class is right for a clip, or for a step."""
        return self.kind in ("single_label", "frame_single_label")

    @property
    def of_frames(self) -> bool:
        """Whether every step in time is asked."""
        return self.kind in ("frame_single_label", "frame_multi_label")
