"""Scores tracked while training; they see the weights, so clips without a label do not count."""

import keras
from keras import ops

from mtl_tf.tasks.metrics import TRACKED, metrics_of
from mtl_tf.tasks.task import Task
from mtl_tf.training.step_metrics import FrameF1, StepCrossEntropy
from mtl_tf.training.tag_metrics import MeanAveragePrecision, TagCrossEntropy, TagMacroF1


@keras.saving.register_keras_serializable(package="mtl_tf")
class UnweightedAverageRecall(keras.metrics.Metric):
    """Mean over the classes that occur of the share of their clips that were recognised.

    Equals `sklearn.metrics.balanced_accuracy_score`. Sample weights must not differ within a class, other than being 0.

    Args:
        num_classes: number of classes.
        name: of the metric.
    """

    def __init__(self, num_classes: int, name: str = "uar", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        self.hits = self.add_weight(shape=(num_classes,), initializer="zeros", name="hits")
        self.clips = self.add_weight(shape=(num_classes,), initializer="zeros", name="clips")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch.

        Args:
            y_true: int (batch,).
            y_pred: float (batch, classes).
            sample_weight: float (batch,) or None.
        """
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        weights = ops.ones_like(labels, dtype="float32")
        if sample_weight is not None:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        hit = ops.cast(labels == ops.cast(ops.argmax(y_pred, axis=-1), "int32"), "float32")
        one_hot = ops.one_hot(labels, self.num_classes) * weights[:, None]  # (batch, classes)
        self.clips.assign_add(ops.sum(one_hot, axis=0))
        self.hits.assign_add(ops.sum(one_hot * hit[:, None], axis=0))

    def result(self):
        """Returns the score as a scalar, 0 before any labelled clip."""
        present = ops.cast(self.clips > 0, "float32")
        recall = self.hits / ops.maximum(self.clips, 1e-9)
        return ops.sum(recall * present) / ops.maximum(ops.sum(present), 1.0)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="mtl_tf")
class MacroF1(UnweightedAverageRecall):
    """Mean F1 score of the classes that occur, as `mtl_tf.evaluation.scores` gives it; arguments of its base."""

    def __init__(self, num_classes: int, name: str = "macro_f1", **kwargs) -> None:
        super().__init__(num_classes, name, **kwargs)
        self.answers = self.add_weight(shape=(num_classes,), initializer="zeros", name="answers")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Counts a batch; arguments of the base."""
        super().update_state(y_true, y_pred, sample_weight)
        one_hot = ops.one_hot(ops.argmax(y_pred, axis=-1), self.num_classes)  # (batch, classes)
        if sample_weight is not None:
            one_hot *= ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self.answers.assign_add(ops.sum(one_hot, axis=0))

    def result(self):
        """Returns the score as a scalar, 0 before any labelled clip."""
        present = ops.cast(self.clips > 0, "float32")
        scores = 2.0 * self.hits / ops.maximum(self.clips + self.answers, 1e-9)
        return ops.sum(scores * present) / ops.maximum(ops.sum(present), 1.0)


def tracked_metrics(task: Task, prefix: str = "") -> list[keras.metrics.Metric]:
    """Returns the tracked metrics of `mtl_tf.tasks.metrics` that a task has.

    Keras's own log of a head's loss averages over batches regardless of how many of their clips are labelled.

    Args:
        task: with its classes or tags.
        prefix: put before the names; Keras itself prefixes the output's name where a model has several.
    """
    count = task.num_classes
    of_classes = {
        "uar": lambda name: UnweightedAverageRecall(count, name=name),
        "accuracy": lambda name: keras.metrics.SparseCategoricalAccuracy(name=name),
        "macro_f1": lambda name: MacroF1(count, name=name),
        "cross_entropy": lambda name: keras.metrics.SparseCategoricalCrossentropy(name=name),
    }
    of_tags = {
        "map": lambda name: MeanAveragePrecision(count, name=name),
        "macro_f1": lambda name: TagMacroF1(count, name=name),
        "cross_entropy": lambda name: TagCrossEntropy(name=name),
    }
    background = None if task.background is None else task.classes.index(task.background)
    of_events = {
        "frame_f1": lambda name: FrameF1(count, task.exclusive, background, name=name),
        "cross_entropy": lambda name: StepCrossEntropy(task.exclusive, name=name),
    }
    makers = of_events if task.of_frames else of_classes if task.exclusive else of_tags
    return [makers[name](prefix + name) for name in metrics_of(TRACKED, task.exclusive, task.of_frames)]
