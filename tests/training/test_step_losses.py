"""Losses and tracked scores of steps, against NumPy and scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score

from mtl_tf.training.step_loss import StepLoss
from mtl_tf.training.step_metrics import FrameF1, StepCrossEntropy
from mtl_tf.training.tag_loss import TagLoss


def case(seed, exclusive):
    rng = np.random.default_rng(seed)
    shape = (5, 7, 3)
    values = rng.uniform(0.01, 0.99, shape).astype(np.float32)
    if exclusive:
        values /= values.sum(axis=-1, keepdims=True)
        targets = np.eye(3, dtype=np.int8)[rng.integers(0, 3, shape[:2])]
        targets[rng.uniform(size=shape[:2]) < 0.3] = -1
    else:
        targets = rng.integers(-1, 2, shape).astype(np.int8)
    targets[4] = -1  # a clip of which nothing is known
    return targets, values, np.array([1, 1, 0, 1, 1], np.float32), rng.uniform(0.5, 2.0, 3)


def by_hand(targets, values, weights, class_weights, exclusive, averaging):
    losses = []
    for target, value in zip(targets, values.astype(np.float64), strict=True):
        terms = []
        for step in range(len(target)):
            for index, known in enumerate(target[step]):
                if exclusive and known == 1:
                    terms.append(-class_weights[index] * np.log(value[step, index]))
                if not exclusive and known == 1:
                    terms.append(-class_weights[index] * np.log(value[step, index]))
                if not exclusive and known == 0:
                    terms.append(-np.log(1 - value[step, index]))
        losses.append(np.mean(terms) if terms else 0.0)
    return np.dot(losses, weights) / (weights.sum() if averaging == "per_label" else len(weights))


@pytest.mark.parametrize("averaging", ["per_batch", "per_label"])
@pytest.mark.parametrize(("kind", "exclusive"), [(TagLoss, False), (StepLoss, True)])
@pytest.mark.parametrize("seed", range(5))
def test_losses_are_numpys_and_what_is_not_known_has_no_gradient(kind, exclusive, averaging, seed):
    targets, values, weights, class_weights = case(seed, exclusive)
    loss, tensor = kind(averaging, class_weights), tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        found = loss(targets, tensor, weights)
    expected = by_hand(targets, values, weights, class_weights, exclusive, averaging)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    gradient = tape.gradient(found, tensor).numpy()
    assert not gradient[targets == -1].any() and not gradient[2].any() and gradient[targets == 1].any()
    again = kind.from_config(loss.get_config())
    assert float(again(targets, values, weights)) == pytest.approx(float(found))


@pytest.mark.parametrize("exclusive", [False, True])
def test_frame_f1_is_scikit_learns(exclusive):
    metric, entropy = FrameF1(3, exclusive), StepCrossEntropy(exclusive)
    truth, found = [], []
    for seed in range(4):
        targets, values, weights, _ = case(seed, exclusive)
        metric.update_state(targets, values, weights)
        entropy.update_state(targets, values, weights)
        answered = np.eye(3)[values.argmax(axis=-1)] if exclusive else values >= 0.5
        truth.append(targets[weights > 0].reshape(-1, 3))
        found.append(answered[weights > 0].reshape(-1, 3))
    truth, found = np.concatenate(truth), np.concatenate(found)
    known = truth >= 0
    expected = [f1_score(truth[known[:, index], index], found[known[:, index], index]) for index in range(3)]
    assert float(metric.result()) == pytest.approx(np.mean(expected), abs=1e-6)
    assert np.isfinite(float(entropy.result()))
    assert float(FrameF1.from_config(metric.get_config()).result()) == 0.0
    left_out = FrameF1(3, exclusive, left_out=1)
    for seed in range(4):
        targets, values, weights, _ = case(seed, exclusive)
        left_out.update_state(targets, values, weights)
    assert float(left_out.result()) == pytest.approx(np.mean([expected[0], expected[2]]), abs=1e-6)


def test_entropy_of_labelled_clips_is_the_loss():
    targets, values, weights, _ = case(0, False)
    entropy = StepCrossEntropy(False)
    entropy.update_state(targets, values, weights)
    assert float(entropy.result()) == pytest.approx(float(TagLoss("per_label")(targets, values, weights)), rel=1e-6)
    assert keras.saving.get_registered_name(StepLoss) == "mtl_tf>StepLoss"
