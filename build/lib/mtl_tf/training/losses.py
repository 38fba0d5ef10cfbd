"""Losses of the tasks, and how they are averaged over a batch in which labels are missing."""

import keras

REDUCTIONS = {"per_batch": "sum_over_batch_size", "per_label": "mean_with_sample_weight"}


def task_loss(reduction: str) -> keras.losses.Loss:
    """Returns the cross-entropy of a single-label task.

    With labels in a quarter of the batch, `per_batch` gives the task a quarter of the gradient it gets with
    `per_label`; both give 0 for a batch without any label of the task.

    Args:
        reduction: `per_batch` divides by the number of clips in the batch, `per_label` by the sum of the weights.
    """
    return keras.losses.SparseCategoricalCrossentropy(reduction=REDUCTIONS[reduction])
