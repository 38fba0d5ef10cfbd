import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from mtl_tf.tasks.task import Task
from mtl_tf.training.losses import TaskLoss
from mtl_tf.training.metrics import MacroF1, UnweightedAverageRecall, tracked_metrics

RNG = np.random.default_rng(0)
CLASSES = 5


def batches(count=6):
    for size in RNG.integers(3, 9, count):
        labels = RNG.integers(0, CLASSES - 1, size)  # the last class never occurs
        probabilities = RNG.dirichlet(np.ones(CLASSES), size).astype(np.float32)
        weights = RNG.integers(0, 2, size).astype(np.float32)
        yield labels, probabilities, weights


def test_tracked_metrics_are_scikit_learns_over_labelled_clips():
    seen = list(batches())
    uar, accuracy, macro_f1, cross_entropy = tracked_metrics(Task("t", tuple(map(str, range(CLASSES)))))
    for labels, probabilities, weights in seen:
        for metric in (accuracy, uar, macro_f1, cross_entropy):
            metric.update_state(labels, probabilities, sample_weight=weights)
    labels, probabilities, weights = (np.concatenate(part) for part in zip(*seen, strict=True))
    kept = weights > 0
    truth, answers = labels[kept], probabilities[kept]
    np.testing.assert_allclose(float(accuracy.result()), accuracy_score(truth, answers.argmax(1)), rtol=1e-6)
    expected = recall_score(truth, answers.argmax(1), labels=np.unique(truth), average="macro")
    np.testing.assert_allclose(float(uar.result()), expected, rtol=1e-6)
    expected = f1_score(truth, answers.argmax(1), labels=np.unique(truth), average="macro")
    np.testing.assert_allclose(float(macro_f1.result()), expected, rtol=1e-6)
    answers = answers / answers.sum(axis=1, keepdims=True, dtype=np.float64)
    expected = log_loss(truth, answers, labels=range(CLASSES))
    np.testing.assert_allclose(float(cross_entropy.result()), expected, rtol=1e-4)


def test_macro_f1_without_weights_and_after_reset():
    metric = MacroF1(3)
    assert float(metric.result()) == 0
    metric.update_state([0, 0, 1], np.eye(3)[[0, 2, 1]])
    assert float(metric.result()) == pytest.approx((2 / 3 + 1) / 2)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_uar_without_weights_without_labels_and_after_reset():
    metric = UnweightedAverageRecall(3)
    assert float(metric.result()) == 0
    metric.update_state([0, 0, 1], np.eye(3)[[0, 1, 1]])
    assert float(metric.result()) == pytest.approx((0.5 + 1) / 2)
    metric.reset_state()
    metric.update_state([0], np.eye(3)[[1]], sample_weight=[0.0])
    assert float(metric.result()) == 0


@pytest.mark.parametrize(("reduction", "expected"), [("per_batch", np.log(2) / 4), ("per_label", np.log(2))])
def test_reductions_with_a_label_in_a_quarter_of_the_batch(reduction, expected):
    probabilities = np.full((4, 2), 0.5, np.float32)
    value = TaskLoss(reduction)(np.zeros(4, np.int32), probabilities, sample_weight=np.array([1, 0, 0, 0], np.float32))
    np.testing.assert_allclose(float(value), expected, rtol=1e-6)


@pytest.mark.parametrize("reduction", ["per_batch", "per_label"])
def test_a_batch_without_any_label_has_no_loss_and_no_gradient(reduction):
    import tensorflow as tf

    logits = tf.Variable(np.zeros((4, 2), np.float32))
    with tf.GradientTape() as tape:
        value = TaskLoss(reduction)(np.zeros(4, np.int32), keras.ops.softmax(logits), sample_weight=np.zeros(4))
    assert float(value) == 0
    assert not np.asarray(tape.gradient(value, logits)).any()
