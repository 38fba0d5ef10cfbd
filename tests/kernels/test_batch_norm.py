"""The fused layer does what Keras's does: outputs, gradients, moving statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.kernels.batch_norm import BatchNormalization

RNG = np.random.default_rng(0)


def pair(shape, **options):
    layers = keras.layers.BatchNormalization(**options), BatchNormalization(**options)
    for layer in layers:
        layer.build((None, *shape[1:]))
    weights = [RNG.uniform(0.5, 2, shape[-1]) for _ in range(4)]
    for layer in layers:
        layer.set_weights(weights)
    return layers


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 6, 7, 3), (4, 9, 3), (8, 5)])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "epsilon": 1e-5}])
def test_it_is_keras_layer(shape, training, options):
    x = (3 * RNG.standard_normal(shape) + 1).astype(np.float32)
    target = RNG.standard_normal(shape).astype(np.float32)
    results = []
    for layer in pair(shape, **options):
        inputs = tf.Variable(x)
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=training)
            loss = tf.reduce_sum(outputs * target)
        gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        results.append([outputs, *gradients, layer.moving_mean, layer.moving_variance])
    for ours, keras_own in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(keras_own), rtol=1e-4, atol=1e-4)


def test_one_value_per_channel_is_finite():
    _, layer = pair((1, 1, 1, 3))
    outputs = layer(np.ones((1, 1, 1, 3), np.float32), training=True)
    assert np.isfinite(np.asarray(outputs)).all() and np.isfinite(np.asarray(layer.moving_variance)).all()


@pytest.mark.parametrize("options", [{"axis": 1}, {"center": False}, {"dtype": "mixed_float16"}])
def test_what_the_kernel_cannot_do_is_left_to_keras(options):
    x = RNG.standard_normal((4, 3, 5, 3)).astype(np.float32)
    layers = keras.layers.BatchNormalization(**options), BatchNormalization(**options)
    expected, found = (np.asarray(layer(x, training=True)) for layer in layers)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_frozen_layer_keeps_its_statistics():
    _, layer = pair((4, 3, 5, 3))
    before = np.asarray(layer.moving_mean).copy()
    layer.trainable = False
    layer(RNG.standard_normal((4, 3, 5, 3)).astype(np.float32), training=True)
    np.testing.assert_array_equal(np.asarray(layer.moving_mean), before)


def test_a_graph_of_open_size_runs_and_is_saved(tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, BatchNormalization()(inputs))
    x = RNG.standard_normal((2, 4, 6, 3)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(model(x)))
    assert model.predict(x, verbose=0).shape == x.shape
