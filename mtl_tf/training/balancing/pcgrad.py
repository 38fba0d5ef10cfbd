"""PCGrad: gradients of tasks that point against each other lose what does."""

import tensorflow as tf

from mtl_tf.training.balancing.balancing import Balancing


class PcGrad(Balancing):
    """Projecting conflicting gradients (Yu et al. 2020, algorithm 1).

    The gradient of each task loses its part along that of every other task it has a negative product with, one after
    the other in an order that is drawn in every step. A task without labels in a batch has no gradient and changes
    none.
    """

    def combine(self, gradients: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Makes one gradient of those of all tasks.

        Args:
            gradients: float (tasks, numbers), of all that the tasks share.
            step: int64, of the training.

        Returns:
            float (numbers,), the sum of the projected ones.
        """
        norms = tf.reduce_sum(tf.square(gradients), axis=1)
        total = tf.zeros_like(gradients[0])
        for task in range(self.num_tasks):
            seed = tf.stack([tf.constant(self.seed + task, tf.int64), tf.cast(step, tf.int64)])
            order = tf.argsort(tf.random.stateless_uniform([self.num_tasks], seed))
            own = gradients[task]
            for place in range(self.num_tasks):
                other = order[place]
                product = tf.reduce_sum(own * gradients[other])
                share = tf.minimum(product, 0.0) / tf.maximum(norms[other], 1e-30)
                own -= tf.where(tf.equal(other, task), 0.0, share) * gradients[other]
            total += own
        return total
