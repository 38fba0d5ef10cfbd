"""Scores of tasks with tags, tracked while training."""

import keras
import numpy as np
from keras import ops

from mtl_tf.training.tag_loss import tag_cross_entropy

NUM_THRESHOLDS = 201


@keras.saving.register_keras_serializable(package="mtl_tf")
class MeanAveragePrecision(keras.metrics.Metric):
    """Mean over the tags that occur of their average precision, from counts at evenly spaced thresholds.

    `sklearn.metrics.average_precision_score` has a threshold for every clip; answers that lie between two thresholds
    here count as equal, so that values differ in the third digit.

    Args:
        num_classes: number of tags.
        name: of the metric.
    """

    def __init__(self, num_classes: int, name: str = "map", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        shape = (NUM_THRESHOLDS, num_classes)
        self.hits = self.add_weight(shape=shape, initializer="zeros", name="hits")
        self.answers = self.add_weight(shape=shape, initializer="zeros", name="answers")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch.

        Args:
            y_true: float (batch, classes), 1, 0, or -1 where a tag was not annotated.
            y_pred: float (batch, classes).
            sample_weight: float (batch,), 0 or 1, or None.
        """
        positive, counted = _counted(y_true, sample_weight)
        # The first threshold is below every answer, so that it counts all clips.
        thresholds = np.linspace(-1 / NUM_THRESHOLDS, 1.0, NUM_THRESHOLDS, dtype=np.float32)[:, None, None]
        above = ops.cast(ops.cast(y_pred, "float32")[None] > thresholds, "float32")  # (thresholds, batch, classes)
        self.hits.assign_add(ops.sum(above * positive * counted, axis=1))
        self.answers.assign_add(ops.sum(above * counted, axis=1))

    def result(self):
        """Returns the score as a scalar, 0 before any tag."""
        total = self.hits[0]
        recall = self.hits / ops.maximum(total, 1.0)
        precision = self.hits / ops.maximum(self.answers, 1.0)
        steps = recall[:-1] - recall[1:]
        scores = ops.sum(steps * precision[:-1], axis=0) + recall[-1] * precision[-1]
        present = ops.cast(total > 0, "float32")
        return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="mtl_tf")
class TagMacroF1(keras.metrics.Metric):
    """Mean over the tags that occur of their F1 score, a tag counting as answered from a probability of 0.5.

    Args:
        num_classes: number of tags.
        name: of the metric.
    """

    def __init__(self, num_classes: int, name: str = "macro_f1", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        for counts in ("hits", "answers", "clips"):
            setattr(self, counts, self.add_weight(shape=(num_classes,), initializer="zeros", name=counts))

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch; arguments of `MeanAveragePrecision`."""
        positive, counted = _counted(y_true, sample_weight)
        answered = ops.cast(ops.cast(y_pred, "float32") >= 0.5, "float32") * counted
        self.hits.assign_add(ops.sum(answered * positive, axis=0))
        self.answers.assign_add(ops.sum(answered, axis=0))
        self.clips.assign_add(ops.sum(positive * counted, axis=0))

    def result(self):
        """Returns the score as a scalar, 0 before any tag."""
        present = ops.cast(self.clips > 0, "float32")
        scores = 2.0 * self.hits / ops.maximum(self.clips + self.answers, 1e-9)
        return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="mtl_tf")
class TagCrossEntropy(keras.metrics.Mean):
    """Mean over the labelled clips of the binary cross-entropy of their annotated tags."""

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch; arguments of `MeanAveragePrecision`."""
        super().update_state(tag_cross_entropy(y_true, y_pred), sample_weight)


def _counted(y_true, sample_weight) -> tuple:
    """Gives which tags are there, and which count, each float32 (batch, classes)."""
    targets = ops.cast(y_true, "float32")
    counted = ops.cast(targets >= 0, "float32")
    if sample_weight is not None:
        counted *= ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
    return ops.maximum(targets, 0.0), counted
