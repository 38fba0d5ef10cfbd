"""The typed schema of a run: every key of `configs/` with its type, default and meaning."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from mtl_tf.section import Section
from mtl_tf.study_config import StudyConfig
from mtl_tf.tasks import metrics

Seed = Annotated[int, Field(ge=0, lt=2**31)]
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
        None, description="manifest column whose values validation shares with no training clip; null: random clips"
    )
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


class PipelineConfig(Section):
    """How clips become batches."""

    batch_size: PositiveInt = Field(32, description="clips per batch")
    clip_s: PositiveFloat = Field(description="length every clip is cropped or zero-padded to in training")
    batch_length: Literal["fixed", "shortest", "longest"] = Field(
        "fixed",
        description="length of a training batch: clip_s, or that of its shortest (as Lu 2020) or longest clip if "
        "shorter",
    )
    random_crop: bool = Field(True, description="crop longer clips at a random place in training; else at the start")
    noise_db: tuple[float, float] | None = Field(
        None,
        description="lowest and highest level, in dB of full scale, of white noise added to about half of the training "
        "clips and to what pads them, such as [-80, -40]; null: none, and hiss in pauses of a recording may mislead",
    )
    mixing: Literal["proportional", "balanced", "temperature", "quota"] = Field(
        "proportional",
        description="how corpora share an epoch: by size, equally, by size**(1/temperature), or by mixing_weight",
    )
    temperature: PositiveFloat = Field(2.0, description="of mixing=temperature: 1 is proportional, large is balanced")
    decoder: Literal["auto", "soundfile"] = Field(
        "auto", description="auto: tensorflow-io in the graph for PCM WAVs the audit has vetted, soundfile for the rest"
    )
    shards: bool = Field(
        False,
        description="decode each clip once into a store under prepared_dir, which all runs share, and read from there",
    )
    keep_features: bool | None = Field(
        None,
        description="true: compute the features of each clip once and keep them in memory, where training changes no "
        "clip, which is at most clip_s long then, with noise_db=null, and they take half a gigabyte at most; null: "
        "studies do, other runs do not",
    )
    num_parallel_calls: PositiveInt = Field(2, description="clips decoded at once")


class FrontEndConfig(BaseModel):
    """The layer from waveform to features; its keys are those of its file in configs/frontend."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="name of the layer in mtl_tf/frontends")
    sample_rate: PositiveInt = Field(description="rate every clip is resampled to, in Hz")


class ModelConfig(BaseModel):
    """The trunk from features to embedding; its keys are those of its file in configs/model."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="name of the trunk in mtl_tf/models")


class TrainingConfig(Section):
    """How the model is fitted."""

    epochs: PositiveInt = Field(30, description="passes over the training clips")
    steps_per_epoch: PositiveInt | None = Field(None, description="batches per epoch; null: every clip once")
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = Field("adam", description="Keras optimizer")
    learning_rate: PositiveFloat = Field(1e-3, description="initial step size")
    momentum: float = Field(0.0, ge=0, lt=1, description="of optimizer=sgd")
    weight_decay: NonNegativeFloat = Field(0.0, description="share of each weight taken off per step, times the rate")
    learning_rate_schedule: Literal["constant", "cosine"] = Field("constant", description="cosine: falls to 0")
    loss_weights: dict[str, NonNegativeFloat] = Field({}, description="task to weight of its loss; 1 where not given")
    task_weighting: Literal["equal", "by_labels", "by_log_classes"] = Field(
        "by_labels",
        description="what the losses of the tasks weigh, times loss_weights: equal; by_labels: in proportion to their "
        "training labels; by_log_classes: divided by the logarithm of their number of classes",
    )
    balancing: Literal["equal", "random", "uncertainty", "famo", "pcgrad"] = Field(
        "equal",
        description="how the losses of the tasks become one step: added up (equal); weighed by chance; by learned "
        "variances; so that all fall alike (famo); or with conflicting gradients projected (pcgrad)",
    )
    balancing_cap: PositiveFloat = Field(2.0, description="of balancing=uncertainty: the most a task may weigh")
    affinity_every: PositiveInt | None = Field(
        None,
        description="steps between two measurements of how tasks get along, by gradients and by look-ahead; training "
        "ends in the same weights; null: none",
    )
    reduction: Literal["per_batch", "per_label"] = Field(
        "per_label",
        description="divide a task's loss by the batch size, or by the number of clips that carry its label",
    )
    class_weights: Literal["none", "balanced"] = Field("none", description="balanced: rare classes weigh more")
    monitor: str = Field(
        "mean",
        description="validation score that chooses the best epoch: mean of the tasks' main_metric, loss, or "
        f"TASK.METRIC, with {', '.join(metrics.TRACKED)}",
    )
    stop_after_epoch: PositiveInt | None = Field(
        None,
        description="train no further for now, with the learning rates of all epochs; with score_test=false a larger "
        "number carries the run on",
    )
    early_stopping_patience: PositiveInt | None = Field(None, description="epochs without improvement before the end")
    mixed_precision: bool = Field(False, description="float16 where the accelerator gains by it")
    steps_per_execution: PositiveInt = Field(
        1, description="steps at most between two returns to Python; more make small networks faster, in prediction too"
    )
    jit_compile: bool = Field(False, description="XLA; slower on CPU")
    deterministic: bool = Field(True, description="the same seed gives the same weights, bit for bit")
    tensorboard: bool = Field(False, description="write TensorBoard logs into the run folder")


class PublishedConfig(Section):
    """A figure from a paper, shown beside ours."""

    task: str = Field(description="task it belongs to")
    metric: Literal[metrics.SCORED] = Field(description="our name of the metric")  # type: ignore[valid-type]
    value: float = Field(description="printed value between 0 and 1")
    n: PositiveInt | None = Field(None, description="number of clips it was computed on")
    printed_as: str = Field("", description="what the paper calls it")
    statistic: Literal["mean", "best"] = Field(
        "mean", description="compare with the mean of our repeats, or with the one that is best on the test clips"
    )
    source: str = Field(description="paper and table")
    remark: str = Field("", description="what the paper leaves open")


class RunConfig(Section):
    """Everything that determines a run."""

    experiment: str = Field(description="file in configs/experiment that the run starts from")
    protocol: str | None = Field(None, description="name of the evaluation protocol, where an experiment has several")
    protocols: list[str] = Field([], description="all protocols of the experiment, which its report shows side by side")
    seed: Seed = Field(0, description="seed of initial weights, shuffling and dropout")
    fold: int | None = Field(None, description="run one fold, counted from 0; null: all folds of a cross-validation")
    repeats: PositiveInt = Field(1, description="train so many times, with seed, seed + 1, ...; not with several folds")
    data_root: str | None = Field(None, description="folder with one folder per corpus; null: MTL_TF_DATA")
    prepared_dir: str = Field("prepared", description="where manifests, audits and shards are kept")
    runs_dir: str = Field("runs", description="where run folders are written")
    resume: bool = Field(True, description="carry on the latest unfinished run of the same configuration")
    score_test: bool = Field(True, description="false: train and validate, and leave the test clips alone for now")
    report_audio: bool = Field(True, description="put the example clips into the report, to be played there")
    quiet: bool = Field(False, description="print the result only")
    corpora: dict[str, CorpusConfig] = Field(min_length=1, description="corpora of the run")
    tasks: dict[str, TaskConfig] = Field(min_length=1, description="tasks of the run, one named output each")
    only_tasks: list[str] = Field(
        [], description="train these of the tasks alone, on the division that all tasks together have; empty: all"
    )
    audit: AuditConfig = Field(default_factory=AuditConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)
    pipeline: PipelineConfig
    frontend: FrontEndConfig
    model: ModelConfig
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    published: list[PublishedConfig] = Field([], description="figures from the literature to compare with")
    study: StudyConfig = Field(default_factory=StudyConfig)

    @property
    def trained_tasks(self) -> dict[str, TaskConfig]:
        """The tasks that are trained, which `only_tasks` may be some of."""
        return {name: task for name, task in self.tasks.items() if name in (self.only_tasks or self.tasks)}

    def main_metrics(self) -> dict[str, str]:
        """Returns the main metric of each task that is trained."""
        return {name: task.main_metric for name, task in self.trained_tasks.items()}

    def judging_metrics(self) -> dict[str, str]:
        """Returns the main metrics that choose the best epoch: those of tasks whose labels are not shuffled."""
        metrics = self.main_metrics()
        return {name: metrics[name] for name in metrics if self.tasks[name].permute_seed is None} or metrics

    def options(self, section: Literal["frontend", "model"]) -> dict[str, Any]:
        """Returns the constructor arguments of the front end or of the trunk."""
        return {key: value for key, value in getattr(self, section).model_dump().items() if key != "name"}
