"""Convolution and batch normalisation as one."""

import keras
from keras import ops


def convolve_and_normalize(
    convolution: keras.layers.Conv2D, norm: keras.layers.BatchNormalization, inputs, training: bool | None
):
    """Applies a convolution and the batch normalisation that follows it.

    In training one after the other. In inference the normalisation, there a scale and a shift for each channel, goes
    into the convolution's kernel and bias, which spares two passes over the output; results differ by rounding alone.

    Args:
        convolution: built, without activation and without dilation, groups or `data_format="channels_first"`.
        norm: built, over the last axis, with its scale and shift.
        inputs: float (batch, height, width, channels).
        training: as in Keras.

    Returns:
        float (batch, height, width, filters).
    """
    if training or convolution.compute_dtype != "float32":
        return norm(convolution(inputs), training=training)
    scale = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)  # (filters,)
    kernel, bias = convolution.kernel * scale, (convolution.bias - norm.moving_mean) * scale + norm.beta
    return ops.conv(inputs, kernel, convolution.strides, convolution.padding) + bias
