"""Random loss weighting: a control that every cleverer method should beat."""

import tensorflow as tf

from mtl_tf.training.balancing.balancing import Balancing


class RandomWeighting(Balancing):
    """Weighs the losses anew in every step, by the softmax of normal numbers (Lin et al. 2022, RLW).

    Departure: the weights add up to the number of present tasks and not to 1, so that steps are as long as with equal
    weights. A step draws the same weights whenever it is done, so a run is carried on exactly.
    """

    def loss(self, losses: tf.Tensor, present: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Weighs the losses by chance."""
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])
        drawn = tf.random.stateless_normal([self.num_tasks], seed)
        weights = tf.nn.softmax(tf.where(present, drawn, -1e9))
        count = tf.reduce_sum(tf.cast(present, tf.float32))
        return tf.reduce_sum(tf.where(present, count * weights * losses, 0.0))
