"""Batch normalisation through TensorFlow's fused kernel."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtl_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, trained in one pass over the data where TensorFlow has a kernel for it.

    Keras 3 computes mean, variance, difference and product as operations of their own. Weights, moving statistics (of
    the population's variance) and arguments are those of Keras. The fused way is taken in training, for float32 inputs
    of shape (batch, ..., channels) under the TensorFlow backend; in inference Keras's own is as fast.
    """

    def call(self, inputs, training=None, mask=None, counted=None):
        """Normalises the last axis.

        Args:
            inputs: float (batch, ..., channels).
            training: as in Keras.
            mask: bool (batch, ...), or with axes of 1: what the statistics are taken from.
            counted: the same, but not handed on to the layers that follow, which would weigh the loss by it.
        """
        mask = mask if counted is None else counted
        if not training or not self.trainable or mask is not None or not self._has_fused_kernel(inputs):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        flat = tf.reshape(inputs, [-1, 1, 1, inputs.shape[-1]])
        result = tf.raw_ops.FusedBatchNormV3(
            x=flat, scale=self.gamma.value, offset=self.beta.value, mean=[], variance=[], epsilon=self.epsilon
        )
        count = tf.cast(tf.shape(flat)[0], tf.float32)
        variance = result.batch_variance * (count - 1.0) / count  # the kernel gives the sample's
        for moving, batch in ((self.moving_mean, result.batch_mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return ops.reshape(result.y, ops.shape(inputs))

    def _has_fused_kernel(self, inputs) -> bool:
        last = self.axis in (-1, len(inputs.shape) - 1)
        float32 = self.compute_dtype == "float32" and keras.backend.standardize_dtype(inputs.dtype) == "float32"
        plain = self.center and self.scale and not getattr(self, "renorm", False)
        return keras.backend.backend() == "tensorflow" and last and float32 and plain
