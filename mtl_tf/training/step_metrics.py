"""Scores of tasks that ask every step, tracked while training."""

import keras
from keras import ops

from mtl_tf.training.step_loss import step_cross_entropy
from mtl_tf.training.tag_loss import tag_cross_entropy


@keras.saving.register_keras_serializable(package="mtl_tf")
class FrameF1(keras.metrics.Metric):
    """Mean over the classes that occur of the F1 score of steps.

    A class counts as answered from a probability of 0.5, or, of exclusive tasks, where it is the most probable.

    Args:
        num_classes: of the task.
        exclusive: whether one class is right for a step.
        left_out: index of a class that is no event; None: all are.
        name: of the metric.
    """

    def __init__(
        self, num_classes: int, exclusive: bool, left_out: int | None = None, name: str = "frame_f1", **kwargs
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes, self.exclusive, self.left_out = num_classes, exclusive, left_out
        for counts in ("hits", "answers", "steps"):
            setattr(self, counts, self.add_weight(shape=(num_classes,), initializer="zeros", name=counts))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch.

        Args:
            y_true: (batch, steps, classes), 1, 0, or -1 where not known.
            y_pred: float (batch, steps, classes).
            sample_weight: float (batch,), 0 or 1, or None.
        """
        targets = ops.cast(y_true, "float32")
        counted = ops.cast(targets >= 0, "float32")
        if sample_weight is not None:
            counted *= ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1, 1))
        if self.exclusive:
            answered = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)
        else:
            answered = ops.cast(ops.cast(y_pred, "float32") >= 0.5, "float32")
        answered, there = answered * counted, ops.maximum(targets, 0.0) * counted
        self.hits.assign_add(ops.sum(answered * there, axis=(0, 1)))
        self.answers.assign_add(ops.sum(answered, axis=(0, 1)))
        self.steps.assign_add(ops.sum(there, axis=(0, 1)))

    def result(self):
        """Returns the score as a scalar, 0 before any event."""
        present = ops.cast(self.steps > 0, "float32")
        if self.left_out is not None:
            present *= 1.0 - ops.one_hot(self.left_out, self.num_classes)
        scores = 2.0 * self.hits / ops.maximum(self.steps + self.answers, 1e-9)
        return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_classes", "exclusive", "left_out")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="mtl_tf")
class StepCrossEntropy(keras.metrics.Mean):
    """Mean over the annotated clips of the cross-entropy of their known steps.

    Args:
        exclusive: whether one class is right for a step.
        name: of the metric.
    """

    def __init__(self, exclusive: bool, name: str = "cross_entropy", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.exclusive = exclusive

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch; arguments of `FrameF1`."""
        function = step_cross_entropy if self.exclusive else tag_cross_entropy
        super().update_state(function(y_true, y_pred), sample_weight)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"exclusive": self.exclusive}
