"""Loss and tracked scores of tags, against NumPy and scikit-learn."""

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, log_loss

from mtl_tf.tasks.task import Task
from mtl_tf.training.metrics import tracked_metrics
from mtl_tf.training.tag_loss import TagLoss


def case(seed, clips=40, tags=3, unknown=0.2):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, (clips, tags)).astype(np.float32)
    targets[rng.uniform(size=targets.shape) < unknown] = -1
    weights = (rng.uniform(size=clips) < 0.7).astype(np.float32)
    return targets, np.clip(0.3 * targets + rng.uniform(size=targets.shape), 0.01, 0.99).astype(np.float32), weights


@pytest.mark.parametrize("averaging", ["per_label", "per_batch"])
@pytest.mark.parametrize("class_weights", [None, [2.0, 1.0, 0.5]])
def test_the_loss_is_the_mean_of_annotated_tags_of_labelled_clips(averaging, class_weights):
    targets, values, weights = case(0)
    total = 0.0
    for target, value, weight in zip(targets, values, weights, strict=True):
        known = np.flatnonzero(target >= 0)
        if weight and len(known):
            losses = [
                (1.0 if class_weights is None or not target[tag] else class_weights[tag])
                * log_loss([target[tag]], [value[tag]], labels=[0, 1])
                for tag in known
            ]
            total += np.mean(losses)
    expected = total / (weights.sum() if averaging == "per_label" else len(weights))
    found = float(TagLoss(averaging, class_weights)(targets, values, weights))
    assert found == pytest.approx(expected, rel=1e-5)
    assert float(TagLoss(averaging)(targets, values, 0 * weights)) == 0.0


def test_unknown_tags_give_no_gradient():
    import tensorflow as tf

    targets, values, weights = case(1)
    values = tf.Variable(values)
    with tf.GradientTape() as tape:
        loss = TagLoss("per_label")(targets, values, weights)
    gradient = np.asarray(tape.gradient(loss, values))
    silent = (targets < 0) | (weights[:, None] == 0)
    assert (gradient[silent] == 0).all() and (gradient[~silent] != 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_tracked_scores_are_those_of_scikit_learn(seed):
    targets, values, weights = case(seed, clips=200)
    metrics = {metric.name: metric for metric in tracked_metrics(Task("t", ("a", "b", "c"), exclusive=False))}
    for start in range(0, 200, 64):
        part = slice(start, start + 64)
        for metric in metrics.values():
            metric.update_state(targets[part], values[part], sample_weight=weights[part])
    precisions, f1 = [], []
    for tag in range(3):
        rows = (targets[:, tag] >= 0) & (weights > 0)
        precisions.append(average_precision_score(targets[rows, tag], values[rows, tag]))
        f1.append(f1_score(targets[rows, tag], values[rows, tag] >= 0.5))
    assert float(metrics["map"].result()) == pytest.approx(np.mean(precisions), abs=0.01)
    assert float(metrics["macro_f1"].result()) == pytest.approx(np.mean(f1), abs=1e-6)
    expected = float(TagLoss("per_label")(targets, values, weights))
    assert float(metrics["cross_entropy"].result()) == pytest.approx(expected, rel=1e-5)


def test_mean_average_precision_is_exact_where_answers_are_far_apart():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (100, 2)).astype(np.float32)
    values = (rng.integers(0, 50, (100, 2)) / 50 + 0.001).astype(np.float32)
    (metric,) = [m for m in tracked_metrics(Task("t", ("a", "b"), exclusive=False)) if m.name == "map"]
    metric.update_state(targets, values)
    expected = np.mean([average_precision_score(targets[:, tag], values[:, tag]) for tag in range(2)])
    assert float(metric.result()) == pytest.approx(expected, abs=1e-5)
    copy = type(metric).from_config(metric.get_config())
    assert float(copy.result()) == 0.0 and isinstance(copy, keras.metrics.Metric)


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0])
def test_the_focal_loss_is_that_of_keras(focus):
    rng = np.random.default_rng(2)
    targets = rng.integers(0, 2, (5, 4)).astype(np.float32)
    values = rng.uniform(0.01, 0.99, (5, 4)).astype(np.float32)
    expected = keras.losses.BinaryFocalCrossentropy(gamma=focus)(targets, values)
    np.testing.assert_allclose(float(TagLoss("per_batch", focus=focus)(targets, values)), float(expected), rtol=1e-4)
