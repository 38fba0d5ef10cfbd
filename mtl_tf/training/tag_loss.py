"""The loss of tasks with tags."""

from collections.abc import Sequence

import keras
from keras import ops

EPSILON = 1e-7


@keras.saving.register_keras_serializable(package="mtl_tf")
class TagLoss(keras.losses.Loss):
    """Binary cross-entropy over the tags of a clip that were annotated, then over the clips as `TaskLoss` does.

    A clip's loss is the mean over its annotated tags. A tag that was not annotated gives no gradient. With a focus,
    tags that are answered well already count for less (focal loss, Lin et al. 2017, equation 4).

    Args:
        averaging: `per_batch` divides by the number of clips in the batch, `per_label` by that of labelled clips.
        class_weights: what a clip weighs in which a tag is there, beside 1 where it is not; None: 1.
        focus: exponent of what is lacking in the probability of the right answer, by which a tag is weighed; 0: none.
        name: of the loss.
    """

    def __init__(
        self,
        averaging: str,
        class_weights: Sequence[float] | None = None,
        focus: float = 0.0,
        name: str = "tag_loss",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **(kwargs | {"reduction": "sum"}))
        self.focus = focus
        self.averaging = averaging
        self.class_weights = None if class_weights is None else [float(weight) for weight in class_weights]

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Computes the loss of a batch.

        Args:
            y_true: float (batch, classes), 1, 0, or -1 where a tag was not annotated; of steps (batch, steps, classes).
            y_pred: float of the same shape, probabilities.
            sample_weight: float (batch,), 0 where the clip has no label; None: all count.

        Returns:
            A scalar.
        """
        losses = self.clip_losses(y_true, y_pred)  # (batch,)
        weights = ops.ones_like(losses)
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        count = ops.sum(weights) if self.averaging == "per_label" else ops.cast(ops.size(losses), "float32")
        return ops.sum(losses * weights) / ops.where(count > 0, count, 1.0)

    def clip_losses(self, y_true, y_pred):
        """Computes the loss of each clip; see `tag_cross_entropy`."""
        return tag_cross_entropy(y_true, y_pred, self.class_weights, self.focus)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {name: getattr(self, name) for name in ("averaging", "class_weights", "focus")}


def tag_cross_entropy(y_true, y_pred, class_weights: Sequence[float] | None = None, focus: float = 0.0):
    """Computes the mean binary cross-entropy over the annotated tags of each clip, or those of all its steps.

    Args:
        y_true: float (batch, ..., classes), 1, 0 or -1.
        y_pred: float (batch, ..., classes), probabilities.
        class_weights: of tags that are there; None: 1.
        focus: see `TagLoss`.

    Returns:
        float32 (batch,), 0 where no tag of a clip was annotated.
    """
    targets = ops.cast(y_true, "float32")
    values = ops.clip(ops.cast(y_pred, "float32"), EPSILON, 1.0 - EPSILON)
    annotated = ops.cast(targets >= 0, "float32")
    positive = ops.maximum(targets, 0.0)
    there = ops.convert_to_tensor(1.0 if class_weights is None else class_weights, "float32")
    losses = -(there * positive * ops.log(values) + (1.0 - positive) * ops.log(1.0 - values)) * annotated
    if focus:
        losses *= (positive * (1.0 - values) + (1.0 - positive) * values) ** focus
    axes = tuple(range(1, len(losses.shape)))
    return ops.sum(losses, axis=axes) / ops.maximum(ops.sum(annotated, axis=axes), 1.0)
