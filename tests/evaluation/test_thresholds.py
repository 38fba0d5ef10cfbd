import numpy as np
import pytest

from mtl_tf.evaluation.thresholds import confidence_thresholds, trust

RNG = np.random.default_rng(0)


def answers(count, classes=3):
    probabilities = RNG.dirichlet(np.full(classes, 0.3), count)
    certain = RNG.random(count) < probabilities.max(axis=1)  # right as often as it says
    labels = np.where(certain, probabilities.argmax(axis=1), (probabilities.argmax(axis=1) + 1) % classes)
    return labels, probabilities


def test_no_lower_threshold_is_right_as_often():
    labels, probabilities = answers(2000)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = confidence_thresholds(labels, probabilities)
    assert [entry["share_right"] for entry in found] == [0.9, 0.95, 0.99]
    for entry in found:
        reached = sure >= entry["min_probability"]
        assert right[reached].mean() >= entry["share_right"]
        assert entry["share_answered"] == pytest.approx(reached.mean())
        for lower in sure[sure < entry["min_probability"]]:
            assert right[sure >= lower].mean() < entry["share_right"]


def test_few_clips_promise_little():
    probabilities = np.tile([[0.8, 0.2]], (15, 1))
    (only,) = confidence_thresholds(np.zeros(15, int), probabilities)
    assert only == {"share_right": 0.9, "min_probability": 0.8, "share_answered": 1.0}
    assert confidence_thresholds(np.zeros(9, int), probabilities[:9]) == []
    assert confidence_thresholds(np.zeros(0, int), probabilities[:0]) == []


def test_answers_that_are_as_sure_go_together():
    probabilities = np.array([[0.9, 0.1]] * 12 + [[0.6, 0.4]] * 8)
    labels = np.array(
        [0] * 12 + [0] * 4 + [1] * 4
    )  # eleven of the first twelve and the next would do, but no part of 8
    (only,) = confidence_thresholds(labels, probabilities)
    assert only == {"share_right": 0.9, "min_probability": 0.9, "share_answered": 0.6}


def test_trust_is_the_largest_share_reached():
    thresholds = [{"share_right": 0.9, "min_probability": 0.5}, {"share_right": 0.95, "min_probability": 0.7}]
    assert [trust(value, thresholds) for value in (0.4, 0.5, 0.7, 1.0)] == [None, 0.9, 0.95, 0.95]
    assert trust(1.0, []) is None
