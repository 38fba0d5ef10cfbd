"""FAMO: weights that let all losses fall at the same relative rate."""

import keras
import tensorflow as tf

from mtl_tf.training.balancing.balancing import Balancing

_SMALLEST = 1e-8


class Famo(Balancing):
    """Fast adaptive multitask optimization (Liu, Feng, Stone and Liu, NeurIPS 2023, algorithm 1).

    The loss is `sum(z log(loss)) / sum(z / loss)` with `z` the softmax of learned numbers, which fall where the
    logarithm of a loss fell more than that of others. They are trained by Adam with a rate of 0.025 and a decay of
    0.001, as in the authors' code. Departures: losses are multiplied by the number of present tasks, so that steps are
    as long as with equal weights; a task without labels in a batch keeps its number; the losses before
    and after a step are those of inference, so that no batch statistic is updated twice.

    Args:
        num_tasks: how many tasks there are.
        seed: not used.
        learning_rate: of the numbers.
        decay: of the numbers.
    """

    needs_losses_after = True

    def __init__(self, num_tasks: int, seed: int, learning_rate: float = 0.025, decay: float = 0.001) -> None:
        super().__init__(num_tasks, seed)
        self.decay = decay
        self.logits = keras.Variable(tf.zeros([num_tasks]), name="famo_logits")
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build([self.logits])

    @property
    def state(self) -> list:
        """The numbers, and what Adam knows of them."""
        return [self.logits, *self.optimizer.variables]

    def loss(self, losses: tf.Tensor, present: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Weighs the logarithms of the losses."""
        weights = tf.nn.softmax(tf.where(present, self.logits.value, -1e9))
        losses = tf.where(present, losses + _SMALLEST, 1.0)
        scale = tf.stop_gradient(tf.reduce_sum(weights / losses))
        count = tf.reduce_sum(tf.cast(present, tf.float32))
        return count * tf.reduce_sum(weights * tf.math.log(losses)) / scale

    def update(self, before: tf.Tensor, after: tf.Tensor, present: tf.Tensor) -> None:
        """Moves weight away from tasks whose loss fell more."""
        fell = tf.math.log(before + _SMALLEST) - tf.math.log(after + _SMALLEST)
        fell = tf.where(present, fell, 0.0)
        logits = self.logits.value
        weights = tf.nn.softmax(tf.where(present, logits, -1e9))
        gradient = weights * (fell - tf.reduce_sum(weights * fell))  # of the softmax, times what fell
        gradient = tf.where(present, gradient + self.decay * logits, 0.0)
        kept = tf.identity(logits)
        self.optimizer.apply([gradient], [self.logits])
        self.logits.assign(tf.where(present, self.logits.value, kept))  # momentum moves what has no gradient, too
