"""Answers of trained networks, learned beside the labels."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops

from mtl_tf.config import TrainingConfig
from mtl_tf.data.assemble import FoldData
from mtl_tf.errors import UserError
from mtl_tf.tasks.task import Task
from mtl_tf.training.on_features import features_model

LEAST = 1e-7  # probability, so that logarithms are finite
_APART = ("name", "trainable", "dtype")  # of a layer's configuration, without which features are the same


class _Unseen:
    """Keeps networks where Keras does not find them: their weights are none of the trained model's."""

    def __init__(self, networks: Sequence[keras.Model]) -> None:
        self.networks = tuple(networks)


class Teaching(keras.layers.Layer):
    """Adds to the training loss how far the answers are from the mean of those of other networks.

    Distillation (Hinton, Vinyals and Dean 2015) of an ensemble, at temperature 1. The teachers hear what the student
    hears, changed as it is (Beyer et al. 2022). They answer for clips that lack the label of a task, too. The loss of a
    task is the Kullback-Leibler divergence; of tags, the sum of those of the tags.

    The layer is never saved.

    Args:
        teachers: models of `mtl_tf.models.build` with the same front end.
        tasks: those that are taught, of whole clips.
        weights: task to weight of this loss.
    """

    def __init__(
        self, teachers: Sequence[keras.Model], tasks: dict[str, Task], weights: dict[str, float], **kwargs
    ) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.tasks, self.weights_of = tasks, weights
        self._unseen = _Unseen([features_model(teacher) for teacher in teachers])
        self.supports_masking = True

    def call(self, answers: dict, features=None, frame_mask=None, training=None) -> dict:
        """Returns the answers as they are, and adds losses in training.

        Args:
            answers: task to float (batch, classes).
            features: float (batch, frames, ...), what the trunk gets.
            frame_mask: bool (batch, frames).
            training: whether to teach.
        """
        if not training:
            return {name: answer + 0.0 for name, answer in answers.items()}
        taught = [network([features, frame_mask], training=False) for network in self._unseen.networks]
        for name, task in self.tasks.items():
            mean = ops.stop_gradient(sum(answer[name] for answer in taught) / len(taught))
            self.add_loss(self.weights_of[name] * ops.mean(divergence(mean, answers[name], task.exclusive)))
        return {name: answer + 0.0 for name, answer in answers.items()}

    def compute_output_shape(self, answers_shape, features_shape=None, frame_mask_shape=None) -> dict:
        """Returns the shapes of the answers."""
        return answers_shape


def teaching_of(options: TrainingConfig, fold: FoldData, teachers: Mapping[str, keras.Model]) -> Teaching:
    """Builds the layer of a run.

    Args:
        options: for the share of the teachers.
        fold: for its tasks and their weights.
        teachers: name to model; each teaches the tasks that all of them answer.

    Raises:
        UserError: no task about whole clips is answered by all teachers.
    """
    tasks = {
        name: task
        for name, task in fold.tasks.items()
        if not task.of_frames and all(name in teacher.output for teacher in teachers.values())
    }
    if not tasks:
        raise UserError("training.teachers: no task about whole clips is answered by all of them; give others")
    weights = {name: options.teachers_share * fold.task_weights[name] for name in tasks}
    return Teaching(list(teachers.values()), tasks, weights, name="teaching")


def divergence(taught, answers, exclusive: bool):
    """Kullback-Leibler divergence of answers from what is taught.

    Args:
        taught: float (batch, classes), probabilities.
        answers: float (batch, classes), probabilities.
        exclusive: whether one class is right; else each is a question of its own.

    Returns:
        float32 (batch,).
    """
    taught, answers = (ops.clip(ops.cast(part, "float32"), LEAST, 1.0 - LEAST) for part in (taught, answers))
    loss = taught * (ops.log(taught) - ops.log(answers))
    if not exclusive:
        loss += (1.0 - taught) * (ops.log(1.0 - taught) - ops.log(1.0 - answers))
    return ops.sum(loss, axis=-1)


def check_teacher(teacher: keras.Model, student: keras.Model, name: str) -> None:
    """Refuses a teacher who would hear something else than the student.

    Args:
        teacher: of `mtl_tf.models.build`.
        student: likewise, with the statistics of its training clips.
        name: of the teacher, for messages.

    Raises:
        UserError: the front ends differ, or what they normalise by.
    """
    theirs, own = (model.get_layer("frontend") for model in (teacher, student))
    first, second = (
        {"kind": type(layer).__name__} | {key: value for key, value in layer.get_config().items() if key not in _APART}
        for layer in (theirs, own)
    )
    if own.trainable_variables:
        raise UserError(f"training.teachers: the front end learns, so {name} would hear something else; choose another")
    different = sorted(key for key in first | second if first.get(key) != second.get(key))
    if different:
        raise UserError(
            f"training.teachers: {name} has another front end ({', '.join(different)}); give one with the same"
        )
    for mine, other in zip(own.non_trainable_variables, theirs.non_trainable_variables, strict=True):
        if not np.allclose(mine, other, rtol=0.02, atol=0.02):
            raise UserError(
                f"training.teachers: {name} was trained on other clips, as the statistics of its features say; give "
                "one of the same division"
            )
