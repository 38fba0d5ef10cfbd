"""Uncertainty weighting: each task learns how noisy it is."""

import math

import keras
import tensorflow as tf

from mtl_tf.training.balancing.balancing import Balancing


class UncertaintyWeighting(Balancing):
    """Learns a variance for each task and weighs by its inverse (Kendall, Gal and Cipolla 2018, equation 10).

    The loss is the sum of `loss / (2 exp(s)) + s / 2` over the tasks, with `s` the logarithm of the variance, as LibMTL
    has it. Departures: `s` begins at `-ln 2`, where all tasks weigh 1; no task weighs more than `cap`, since small
    corpora are learned by heart and would then weigh without end.

    Args:
        num_tasks: how many tasks there are.
        seed: not used.
        cap: the most that a task may weigh.
    """

    def __init__(self, num_tasks: int, seed: int, cap: float = 2.0) -> None:
        super().__init__(num_tasks, seed)
        self.lowest = -math.log(2 * cap)
        self.log_variance = keras.Variable(tf.fill([num_tasks], -math.log(2.0)), name="log_variance")

    @property
    def learned(self) -> list[keras.Variable]:
        """The logarithms of the variances."""
        return [self.log_variance]

    def loss(self, losses: tf.Tensor, present: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Weighs the losses by the inverse variances."""
        log_variance = self.log_variance.value
        parts = losses / (2 * tf.exp(log_variance)) + log_variance / 2
        return tf.reduce_sum(tf.where(present, parts, 0.0))

    def limit(self, values: tf.Tensor) -> tf.Tensor:
        """Lets no task weigh more than `cap`."""
        return tf.maximum(values, self.lowest)
