"""Losses of the tasks, and how they are averaged over a batch in which labels are missing."""

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtl_tf")
class TaskLoss(keras.losses.Loss):
    """Cross-entropy of a single-label task over the clips that carry its label.

    With labels in a quarter of the batch, `per_batch` gives the task a quarter of the gradient it gets with
    `per_label`; both give 0 for a batch without any label of the task. Classes are weighed here and not in the sample
    weights, which the metrics see too, so that scores of training clips are comparable with those of others.

    Args:
        averaging: `per_batch` divides by the number of clips in the batch, `per_label` by the sum of the weights.
        class_weights: what a clip of each class weighs; None: 1.
        label_smoothing: share of a label that is spread evenly over all classes (Szegedy et al. 2016, section 7).
        name: of the loss.
    """

    def __init__(
        self,
        averaging: str,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        name: str = "task_loss",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **(kwargs | {"reduction": "sum"}))
        self.label_smoothing = label_smoothing
        self.averaging = averaging
        self.class_weights = None if class_weights is None else [float(weight) for weight in class_weights]

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of a batch.

        Args:
            y_true: int (batch,).
            y_pred: float (batch, classes), probabilities.
            sample_weight: float (batch,), 0 where the label is missing; None: all count.

        Returns:
            A scalar.
        """
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        answers = ops.cast(y_pred, "float32")
        losses = ops.sparse_categorical_crossentropy(labels, answers)  # (batch,)
        if self.label_smoothing:
            spread = -ops.mean(ops.log(ops.clip(answers, keras.config.epsilon(), 1.0)), axis=-1)
            losses = (1.0 - self.label_smoothing) * losses + self.label_smoothing * spread
        weights = ops.ones_like(losses)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        if self.class_weights is not None:
            weights *= ops.take(ops.convert_to_tensor(self.class_weights, "float32"), labels)
        count = ops.sum(weights) if self.averaging == "per_label" else ops.cast(ops.size(losses), "float32")
        return ops.sum(losses * weights) / ops.where(count > 0, count, 1.0)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("averaging", "class_weights", "label_smoothing")
        return super().get_config() | {name: getattr(self, name) for name in names}
