"""Who is mixed with whom, and the labels of both."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.data.partners import Partners
from mtl_tf.training.losses import TaskLoss


def batch(count=400, labelled=0.5):
    rng = np.random.default_rng(0)
    inputs = {"waveform": tf.zeros((count, 3)), "length": tf.fill([count], 3)}
    labels = {name: tf.constant(rng.integers(0, classes, count), tf.int32) for name, classes in (("a", 3), ("b", 2))}
    known = (rng.random(count) < labelled).astype(np.float32)
    return inputs, labels, {"a": tf.ones(count), "b": tf.constant(known)}


@pytest.mark.parametrize(("prob", "concentration"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.2), (0.0, 1.0)])
def test_shares_are_of_the_distribution_that_was_asked(prob, concentration):
    inputs, _, _ = Partners(prob, concentration).add(*batch(4000), [1, 2, 3])
    partner, share = inputs["partner"].numpy(), inputs["share"].numpy()
    assert sorted(partner) == list(range(4000))
    mixed = share < 1.0
    assert abs(mixed.mean() - prob) < 0.03
    if prob:
        variance = 1 / (4 * (2 * concentration + 1))  # of Beta(c, c)
        assert abs(share[mixed].mean() - 0.5) < 0.03 and abs(share[mixed].var() - variance) < 0.02


def test_the_numbers_decide_and_each_batch_differs():
    partners = Partners(1.0, 1.0)
    first, same, other = (partners.add(*batch(), seed)[0] for seed in ([1, 2, 3], [1, 2, 3], [1, 3, 3]))
    for name in ("partner", "share"):
        np.testing.assert_array_equal(first[name], same[name])
        assert (first[name].numpy() != other[name].numpy()).any()


@pytest.mark.parametrize("averaging", ["per_label", "per_batch"])
def test_the_loss_is_that_of_both_labels_by_their_shares(averaging):
    """Each clip's loss by hand; a label that one of both lacks counts nothing."""
    given = batch(40)
    inputs, labels, weights = Partners(0.8, 1.0).add(*given, [5])
    partner, share = inputs["partner"].numpy(), inputs["share"].numpy()
    for name, classes in (("a", 3), ("b", 2)):
        answers = np.random.default_rng(1).dirichlet(np.ones(classes), 40).astype(np.float32)
        found = TaskLoss(averaging)(labels[name], np.concatenate([answers, answers]), weights[name])
        known, label = given[2][name].numpy(), given[1][name].numpy()
        total, count = 0.0, 0.0
        for row in range(40):
            for weight, place in ((share[row], row), (1 - share[row], partner[row])):
                total -= weight * known[place] * np.log(answers[row, label[place]])
                count += weight * known[place]
        np.testing.assert_allclose(found, total / (count if averaging == "per_label" else 40), rtol=1e-5)


def test_labels_of_steps_are_repeated_too():
    inputs = {"length": tf.fill([3], 9)}
    labels = {"events": tf.reshape(tf.range(3 * 4 * 2), (3, 4, 2))}
    inputs, found, weights = Partners(1.0, 1.0).add(inputs, labels, {"events": tf.ones(3)}, [0])
    expected = keras.ops.concatenate([labels["events"], tf.gather(labels["events"], inputs["partner"])])
    np.testing.assert_array_equal(found["events"], expected)
    np.testing.assert_allclose(weights["events"][:3] + weights["events"][3:], 2.0, rtol=1e-6)
