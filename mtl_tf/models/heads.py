"""Output heads: one per task."""

import keras

from mtl_tf.tasks.task import Task


def classification_head(task: Task) -> keras.layers.Layer:
    """Returns the head of a task: one dense layer named after the task, with softmax, or with sigmoid for tags.

    Maps (batch, channels) to float32 probabilities (batch, classes), also under mixed precision.
    """
    return keras.layers.Dense(
        task.num_classes, activation="softmax" if task.exclusive else "sigmoid", dtype="float32", name=task.name
    )
