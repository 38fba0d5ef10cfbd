"""The keys of a whole run."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from mtl_tf.config.audit import AuditConfig
from mtl_tf.config.corpus import CorpusConfig
from mtl_tf.config.pipeline import PipelineConfig
from mtl_tf.config.section import Section, Seed
from mtl_tf.config.split import SplitConfig
from mtl_tf.config.study import StudyConfig
from mtl_tf.config.task import TaskConfig
from mtl_tf.config.training import TrainingConfig
from mtl_tf.tasks import metrics


class FrontEndConfig(BaseModel):
    """The layer from waveform to features; its keys are those of its file in configs/frontend."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="name of the layer in mtl_tf/frontends")
    sample_rate: PositiveInt = Field(description="rate every clip is resampled to, in Hz")


class ModelConfig(BaseModel):
    """The trunk from features to embedding; its keys are those of its file in configs/model."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="name of the trunk in mtl_tf/models")


class AugmentConfig(BaseModel):
    """One way of changing clips in training; its keys are those of its file in configs/augment."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="name of the layer in mtl_tf/augment")


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
    recipe: str | None = Field(None, description="name of the recipe, which says how well the model is trained")
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
    augment: dict[str, AugmentConfig] = Field({}, description="what changes clips in training, in order")
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

    def of_repeat(self, number: int) -> "RunConfig":
        """Returns the configuration of one repeat: a seed of its own, and a part of the clips to validate on."""

        def moved(split: SplitConfig) -> SplitConfig:
            if split.validation_folds is None:
                return split
            part = (split.validation_part + number) % split.validation_folds
            return split.model_copy(update={"validation_part": part})

        corpora = {
            name: corpus.model_copy(update={"split": corpus.split and moved(corpus.split)})
            for name, corpus in self.corpora.items()
        }
        changed = {"seed": self.seed + number, "split": moved(self.split), "corpora": corpora}
        return self.model_copy(update=changed)

    def augment_options(self) -> dict[str, dict[str, Any]]:
        """Returns the constructor arguments of each augmentation."""
        return {
            entry.name: {key: value for key, value in entry.model_dump().items() if key != "name"}
            for entry in self.augment.values()
        }

    def options(self, section: Literal["frontend", "model"]) -> dict[str, Any]:
        """Returns the constructor arguments of the front end or of the trunk."""
        return {key: value for key, value in getattr(self, section).model_dump().items() if key != "name"}
