"""The reference: losses are added."""

import tensorflow as tf

from mtl_tf.training.balancing.balancing import Balancing


class EqualWeighting(Balancing):
    """Adds the losses, as Keras does; for a training step that measures something beside."""

    def loss(self, losses: tf.Tensor, present: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Adds the losses."""
        return tf.reduce_sum(losses)
