"""The loss of tasks that ask every step for one class."""

import keras
from keras import ops

from mtl_tf.training.tag_loss import EPSILON, TagLoss


@keras.saving.register_keras_serializable(package="mtl_tf")
class StepLoss(TagLoss):
    """Cross-entropy over the steps of a clip whose class is known, then over the clips as `TaskLoss` does.

    A clip's loss is the mean over its known steps; others, and padding, give no gradient. Arguments are those of
    `TagLoss`; `class_weights` is what a step of each class weighs.
    """

    def clip_losses(self, y_true, y_pred):
        """Computes the loss of each clip.

        Args:
            y_true: (batch, steps, classes), 1 for the class of a step, else 0 or -1.
            y_pred: float (batch, steps, classes), probabilities.

        Returns:
            float32 (batch,), 0 where no step is known.
        """
        return step_cross_entropy(y_true, y_pred, self.class_weights)


def step_cross_entropy(y_true, y_pred, class_weights=None):
    """Computes the mean cross-entropy over the known steps of each clip; see `StepLoss.clip_losses`."""
    there = ops.cast(ops.cast(y_true, "float32") > 0, "float32")
    weight = ops.convert_to_tensor(1.0 if class_weights is None else class_weights, "float32")
    losses = -there * weight * ops.log(ops.clip(ops.cast(y_pred, "float32"), EPSILON, 1.0))
    return ops.sum(losses, axis=(1, 2)) / ops.maximum(ops.sum(there, axis=(1, 2)), 1.0)
