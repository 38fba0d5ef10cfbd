"""Output heads: one per task."""

import keras

from mtl_tf.tasks import Task


def classification_head(task: Task) -> keras.layers.Layer:
    """Returns the head of a single-label task: one dense layer with softmax, named after the task.

    Maps (batch, channels) to float32 probabilities (batch, classes), also under mixed precision.
    """
    return keras.layers.Dense(task.num_classes, activation="softmax", dtype="float32", name=task.name)
