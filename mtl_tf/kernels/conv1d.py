"""Convolution over time as matrix products."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtl_tf")
class Conv1D(keras.layers.Conv1D):
    """`keras.layers.Conv1D`, through matrix products where that is faster on a processor.

    Under TensorFlow and float32, with stride and dilation 1: a kernel of one frame is one product; a kernel of three
    without padding is Winograd's F(2, 3) (Lavin and Gray 2016, section 4.1), which takes four products of half the
    frames where the plain sum takes three of all: two thirds of the multiplications. It is exact but for rounding,
    about 1e-6 of the largest value. Arguments, weights and results are those of Keras.
    """

    def call(self, inputs):
        """Convolves (batch, frames, channels)."""
        plain = self.strides == (1,) and self.dilation_rate == (1,) and self.groups == 1
        float32 = keras.backend.standardize_dtype(inputs.dtype) == self.compute_dtype == "float32"
        channels_last = self.data_format == "channels_last"
        if not (keras.backend.backend() == "tensorflow" and plain and float32 and channels_last):
            return super().call(inputs)
        if self.kernel_size == (1,):
            outputs = _product(inputs, self.kernel[0])
        elif self.kernel_size == (3,) and self.padding == "valid":
            outputs = _winograd(inputs, self.kernel)
        else:
            return super().call(inputs)
        return self.activation(outputs + self.bias if self.use_bias else outputs)


def _product(inputs, matrix):
    """Multiplies every frame, in one product of two matrices whose gradients are such products too."""
    flat = ops.reshape(inputs, (-1, inputs.shape[-1]))
    return ops.reshape(ops.matmul(flat, matrix), (-1, ops.shape(inputs)[1], matrix.shape[-1]))


def _winograd(inputs, kernel):
    import tensorflow as tf

    frames, channels = tf.shape(inputs)[1], inputs.shape[-1]
    odd_number = inputs.shape[1] is None or inputs.shape[1] % 2
    pairs = (frames - 1) // 2  # of output frames
    if odd_number:
        inputs = tf.pad(inputs, [[0, 0], [0, 2 * pairs + 2 - frames], [0, 0]])
    even, odd = tf.unstack(tf.reshape(inputs, [-1, pairs + 1, 2, channels]), axis=2)  # (batch, pairs + 1, channels)
    # Splits, as the gradient of a slice is slow.
    (d0, _), (_, d2) = tf.split(even, [pairs, 1], axis=1), tf.split(even, [1, pairs], axis=1)
    (d1, _), (_, d3) = tf.split(odd, [pairs, 1], axis=1), tf.split(odd, [1, pairs], axis=1)
    ends, middle = 0.5 * (kernel[0] + kernel[2]), 0.5 * kernel[1]
    m0 = _product(d0 - d2, kernel[0])
    m1 = _product(d1 + d2, ends + middle)
    m2 = _product(d2 - d1, ends - middle)
    m3 = _product(d1 - d3, kernel[2])
    both = tf.stack([m0 + m1 + m2, m1 - m2 - m3], axis=2)  # (batch, pairs, 2, filters)
    outputs = tf.reshape(both, [-1, 2 * pairs, kernel.shape[-1]])
    return tf.split(outputs, [frames - 2, 2 * pairs + 2 - frames], axis=1)[0] if odd_number else outputs
