"""The keys of training."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from mtl_tf.config.section import Section
from mtl_tf.tasks import metrics


class TrainingConfig(Section):
    """How the model is fitted."""

    epochs: PositiveInt = Field(30, description="passes over the training clips")
    steps_per_epoch: PositiveInt | None = Field(None, description="batches per epoch; null: every clip once")
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = Field("adam", description="Keras optimizer")
    learning_rate: PositiveFloat = Field(1e-3, description="initial step size")
    momentum: float = Field(0.0, ge=0, lt=1, description="of optimizer=sgd")
    weight_decay: NonNegativeFloat = Field(0.0, description="share of each weight taken off per step, times the rate")
    learning_rate_schedule: Literal["constant", "cosine"] = Field("constant", description="cosine: falls to 0")
    warmup_epochs: NonNegativeFloat = Field(
        0.0, description="of learning_rate_schedule=cosine: epochs in which the rate first rises from 0"
    )
    clip_norm: PositiveFloat | None = Field(
        None, description="longer gradients of all weights together are shortened to this length; null: none"
    )
    average_weights: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="validation, and the saved network, have a running mean of the weights, of which each step keeps "
        "this share, such as 0.99, less in a training of few steps; 0: the weights themselves",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of a label that is spread over all classes, where one class is right"
    )
    focal_loss: NonNegativeFloat = Field(
        0.0, description="of tags: how much less those count that are answered well already, such as 2; 0: all alike"
    )
    teachers: list[str] = Field(
        [],
        description="folders of finished runs on the same division; the mean of their answers is learned beside the "
        "labels; of a run with repeats, all of them teach",
    )
    teachers_share: float = Field(
        0.7, ge=0, le=1, description="of teachers: their share of the loss of a task; the rest is that of the labels"
    )
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
        f"TASK.METRIC, with {', '.join(metrics.TRACKED)}; last: the last epoch is used",
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

    @model_validator(mode="after")
    def _rate_falls(self) -> Self:
        if self.learning_rate_schedule == "cosine" and self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs={self.warmup_epochs:g} is not shorter than epochs={self.epochs}")
        return self
