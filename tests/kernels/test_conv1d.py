import keras
import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.kernels.conv1d import Conv1D


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("frames", [3, 4, 16, 17])
def test_values_and_gradients_are_those_of_the_plain_layer(kernel_size, frames):
    inputs = tf.random.stateless_normal([2, frames, 6], seed=(frames, 1))
    plain, ours = (kind(7, kernel_size, activation="relu") for kind in (keras.layers.Conv1D, Conv1D))
    plain.build(inputs.shape)
    ours.build(inputs.shape)
    ours.set_weights(plain.get_weights())
    results = []
    for layer in (plain, ours):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
            loss = tf.reduce_sum(tf.square(outputs))
        results.append([outputs, *tape.gradient(loss, [inputs, *[w.value for w in layer.trainable_weights]])])
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_convolution_by_hand():
    layer = Conv1D(1, 3, use_bias=False)
    layer.build((None, None, 1))
    layer.set_weights([np.array([1.0, 10.0, 100.0]).reshape(3, 1, 1)])
    got = layer(np.arange(5, dtype="float32").reshape(1, 5, 1))
    np.testing.assert_allclose(got[0, :, 0], [210.0, 321.0, 432.0])


def test_the_number_of_frames_may_be_open():
    layer = Conv1D(4, 3)
    layer.build((None, None, 2))
    convolve = tf.function(layer, input_signature=[tf.TensorSpec([None, None, 2])])
    for frames in (5, 8):
        inputs = tf.random.stateless_normal([1, frames, 2], seed=(5, 6))
        np.testing.assert_allclose(convolve(inputs), keras.ops.conv(inputs, layer.kernel) + layer.bias, atol=1e-5)


@pytest.mark.parametrize("options", [{"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}, {"groups": 2}])
def test_other_convolutions_are_keras_own(options):
    inputs = tf.random.stateless_normal([2, 12, 6], seed=(7, 8))
    plain, ours = keras.layers.Conv1D(4, 3, **options), Conv1D(4, 3, **options)
    plain.build(inputs.shape)
    ours.build(inputs.shape)
    ours.set_weights(plain.get_weights())
    np.testing.assert_array_equal(ours(inputs), plain(inputs))
