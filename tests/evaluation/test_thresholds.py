import numpy as np
import pytest

from mtl_tf.evaluation.thresholds import confidence_thresholds, trust

RNG = np.random.default_rng(0)


def answers(count, classes=3):
    probabilities = RNG.dirichlet(np.full(classes, 0.05), count)
    certain = RNG.random(count) < probabilities.max(axis=1) ** 0.5  # right more often than it says
    labels = np.where(certain, probabilities.argmax(axis=1), (probabilities.argmax(axis=1) + 1) % classes)
    return labels, probabilities


def lower_limit(right):
    """Wilson's formula, one-sided, 95 %."""
    p, n, z = right.mean(), len(right), 1.6448536
    return (p + z**2 / (2 * n) - z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)


def test_no_lower_threshold_is_as_surely_right():
    labels, probabilities = answers(3000)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = confidence_thresholds(labels, probabilities)
    assert [entry["share_right"] for entry in found] == [0.9, 0.95, 0.99]
    for entry in found:
        reached = sure >= entry["min_probability"]
        assert lower_limit(right[reached]) >= entry["share_right"]
        assert entry["share_answered"] == pytest.approx(reached.mean())
        for lower in sure[sure < entry["min_probability"]]:
            assert lower_limit(right[sure >= lower]) < entry["share_right"]


@pytest.mark.parametrize(("clips", "shares"), [(24, []), (25, [0.9]), (52, [0.9, 0.95]), (268, [0.9, 0.95, 0.99])])
def test_few_clips_promise_little(clips, shares):
    probabilities = np.tile([[0.8, 0.2]], (clips, 1))
    found = confidence_thresholds(np.zeros(clips, int), probabilities)
    assert [entry["share_right"] for entry in found] == shares
    assert all(entry["min_probability"] == 0.8 and entry["share_answered"] == 1.0 for entry in found)
    assert confidence_thresholds(np.zeros(0, int), probabilities[:0]) == []


def test_answers_that_are_as_sure_go_together():
    probabilities = np.array([[0.9, 0.1]] * 30 + [[0.6, 0.4]] * 20)
    labels = np.array([0] * 40 + [1] * 10)  # ten more would do, but they are as sure as the wrong ones
    (only,) = confidence_thresholds(labels, probabilities)
    assert only == {"share_right": 0.9, "min_probability": 0.9, "share_answered": 0.6}


def test_trust_is_the_largest_share_reached():
    thresholds = [{"share_right": 0.9, "min_probability": 0.5}, {"share_right": 0.95, "min_probability": 0.7}]
    assert [trust(value, thresholds) for value in (0.4, 0.5, 0.7, 1.0)] == [None, 0.9, 0.95, 0.95]
    assert trust(1.0, []) is None
