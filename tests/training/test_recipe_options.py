"""Smoothed labels, warm-up, shortened gradients and means of weights, by NumPy."""

import keras
import numpy as np
import pytest

from mtl_tf.config import TrainingConfig
from mtl_tf.training.averaging import averaged
from mtl_tf.training.compile import build_optimizer
from mtl_tf.training.losses import TaskLoss


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_labels_are_a_mixture_with_even_ones(smoothing):
    rng = np.random.default_rng(0)
    answers = rng.dirichlet(np.ones(4), 12).astype(np.float32)
    labels, weights = rng.integers(0, 4, 12), (rng.random(12) < 0.7).astype(np.float32)
    target = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    expected = (-(target * np.log(answers)).sum(axis=1) * weights).sum() / weights.sum()
    found = TaskLoss("per_label", label_smoothing=smoothing)(labels, answers, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_rate_rises_and_then_falls():
    options = TrainingConfig(epochs=10, learning_rate=0.2, learning_rate_schedule="cosine", warmup_epochs=2)
    rate = build_optimizer(options, steps_per_epoch=5)._learning_rate
    found = [float(rate(step)) for step in range(51)]
    np.testing.assert_allclose(found[:11], np.linspace(0, 0.2, 11), atol=1e-7)
    np.testing.assert_allclose(found[10:], 0.1 * (1 + np.cos(np.pi * np.arange(41) / 40)), atol=1e-6)


def test_long_gradients_are_shortened():
    options = TrainingConfig(optimizer="sgd", learning_rate=1.0, clip_norm=0.5)
    weights = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(1))]
    build_optimizer(options, 1).apply([np.array([3.0, 0.0], "f"), np.array([4.0], "f")], weights)
    np.testing.assert_allclose(weights[0], [-0.3, 0.0], atol=1e-6)
    np.testing.assert_allclose(weights[1], [-0.4], atol=1e-6)


@pytest.mark.parametrize(("epochs", "steps", "kept"), [(100, 100, 0.98), (5, 4, 0.5), (2, 3, 0.0)])
def test_the_mean_reaches_back_over_a_tenth_of_the_training_at_most(epochs, steps, kept):
    options = TrainingConfig(epochs=epochs, average_weights=0.98)
    assert build_optimizer(options, steps).ema_momentum == pytest.approx(kept)


def test_the_mean_of_the_weights_is_the_one_by_hand_and_the_weights_come_back():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    options = TrainingConfig(optimizer="sgd", learning_rate=0.1, average_weights=0.8)
    model.compile(build_optimizer(options, 1000), "mse")
    rng, mean = np.random.default_rng(0), None
    for step in range(6):
        model.train_on_batch(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)))
        own = model.get_weights()[0]
        mean = own if step == 0 else 0.8 * mean + 0.2 * own
    with averaged(model):
        np.testing.assert_allclose(model.get_weights()[0], mean, rtol=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0], own)
