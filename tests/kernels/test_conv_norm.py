import keras
import numpy as np
import pytest

from mtl_tf.kernels.conv_norm import convolve_and_normalize


def layers(strides, dtype="float32"):
    keras.utils.set_random_seed(0)
    convolution = keras.layers.Conv2D(6, 3, strides=strides, padding="same", bias_initializer="normal", dtype=dtype)
    norm = keras.layers.BatchNormalization(gamma_initializer="normal", beta_initializer="normal", dtype=dtype)
    convolution.build((None, 9, 11, 4))
    norm.build((None, 9, 11, 6))
    norm.moving_mean.assign([1.0, -2.0, 0.0, 3.0, 0.5, 10.0])
    norm.moving_variance.assign([1.0, 0.0, 4.0, 100.0, 0.01, 2.0])
    return convolution, norm


@pytest.mark.parametrize("strides", [1, 2])
def test_inference_is_that_of_both_layers(strides):
    convolution, norm = layers(strides)
    inputs = np.random.default_rng(0).standard_normal((3, 9, 11, 4)).astype(np.float32)
    expected = np.asarray(norm(convolution(inputs), training=False))
    found = np.asarray(convolve_and_normalize(convolution, norm, inputs, False))
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_training_normalises_by_the_batch_and_moves_the_statistics():
    convolution, norm = layers(1)
    inputs = np.random.default_rng(0).standard_normal((3, 9, 11, 4)).astype(np.float32)
    before = np.array(norm.moving_mean)
    found = np.asarray(convolve_and_normalize(convolution, norm, inputs, True))
    hidden = np.asarray(convolution(inputs))
    centred = (hidden - hidden.mean((0, 1, 2))) / np.sqrt(hidden.var((0, 1, 2)) + norm.epsilon)
    np.testing.assert_allclose(found, centred * np.array(norm.gamma) + np.array(norm.beta), atol=1e-4)
    np.testing.assert_allclose(norm.moving_mean, 0.99 * before + 0.01 * hidden.mean((0, 1, 2)), atol=1e-5)


def test_half_precision_takes_the_layers_one_after_the_other():
    convolution, norm = layers(1, "mixed_float16")
    inputs = np.random.default_rng(0).standard_normal((3, 9, 11, 4)).astype(np.float16)
    np.testing.assert_array_equal(
        np.asarray(convolve_and_normalize(convolution, norm, inputs, False)),
        np.asarray(norm(convolution(inputs), training=False)),
    )
