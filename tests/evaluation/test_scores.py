import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mtl_tf.evaluation.scores import majority_scores, score_groups, score_task

RNG = np.random.default_rng(0)
CLASSES = ("a", "b", "c", "d")


def answers(n=200, classes=4, present=4):
    labels = RNG.integers(0, present, n)
    probabilities = RNG.dirichlet(np.ones(classes), n)
    probabilities[np.arange(n), labels] += 0.3
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_scores_are_scikit_learns():
    labels, probabilities = answers()
    predicted = probabilities.argmax(axis=1)
    scores = score_task(labels, probabilities, CLASSES)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert scores["uar"] == pytest.approx(metrics.balanced_accuracy_score(labels, predicted))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))
    assert scores["micro_f1"] == pytest.approx(metrics.f1_score(labels, predicted, average="micro"))
    expected = metrics.precision_score(labels, predicted, average="weighted")
    assert scores["weighted_precision"] == pytest.approx(expected)
    expected = metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert scores["roc_auc"] == pytest.approx(expected)
    assert scores["confusion"] == metrics.confusion_matrix(labels, predicted).tolist()
    assert scores["n"] == 200 and scores["chance"] == 0.25


def test_classes_without_test_clips_do_not_count():
    labels, probabilities = answers(present=3)
    scores = score_task(labels, probabilities, CLASSES)
    recall = metrics.recall_score(labels, probabilities.argmax(axis=1), labels=[0, 1, 2], average="macro")
    assert scores["uar"] == pytest.approx(recall)
    assert scores["per_class"]["d"]["n"] == 0


def test_weighted_precision_and_uar_by_hand():
    labels = np.repeat([0, 1], [3, 1])
    probabilities = np.eye(2)[[0, 0, 1, 1]]
    scores = score_task(labels, probabilities, ("x", "y"))
    # by hand: precision of x 2/2, of y 1/2; weighted (3 * 1 + 1 * 0.5) / 4; recall 2/3 and 1
    assert scores["weighted_precision"] == pytest.approx(0.875)
    assert scores["uar"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["accuracy"] == 0.75


def test_a_single_clip_is_scored_with_an_interval_of_everything():
    scores = score_task(np.array([1]), np.array([[0.2, 0.8]]), ("a", "b"))
    assert scores["uar"] == 1.0 and scores["uar_interval"] == [0.0, 1.0]


def test_intervals_hold_the_score_and_shrink_with_clips():
    widths = []
    for n in (50, 5000):
        scores = score_task(*answers(n), CLASSES)
        for name in ("accuracy", "uar"):
            low, high = scores[f"{name}_interval"]
            assert low < scores[name] < high
        widths.append(scores["uar_interval"][1] - scores["uar_interval"][0])
    assert widths[1] < widths[0] / 5
    # Wilson interval of 10 hits in 10, from any table
    perfect = score_task(np.arange(10) % 2, np.eye(2)[np.arange(10) % 2], ("x", "y"))
    assert perfect["accuracy_interval"] == pytest.approx([0.7225, 1.0], abs=1e-4)


def test_one_class_has_no_roc():
    assert score_task(np.zeros(3, int), np.eye(2)[[0, 0, 1]], ("x", "y"))["roc_auc"] is None


def test_majority_guess_by_hand():
    scores = majority_scores(np.array([0, 1, 1]), np.array([0, 0, 0, 1]))
    assert scores == {"accuracy": 0.25, "uar": 0.5}


def test_speakers_are_scored_apart_and_per_corpus():
    table = pd.DataFrame(
        {
            "task": "t",
            "corpus": ["x", "x", "x", "y"],
            "speaker": ["01", "01", "01", "01"],
            "label": ["a", "a", "b", "a"],
            "predicted": ["a", "b", "b", "b"],
        }
    )
    rows = score_groups(table)
    assert rows["n"].tolist() == [3, 1]
    assert rows["accuracy"].tolist() == pytest.approx([2 / 3, 0])
    assert rows["uar"].tolist() == pytest.approx([0.75, 0])


def test_intervals_over_speakers_are_those_of_a_bootstrap_by_hand():
    rng = np.random.default_rng(1)
    speakers = np.repeat(np.arange(8), 40)
    skill = rng.uniform(0.2, 0.95, 8)
    labels = rng.integers(0, 2, 320)
    right = rng.random(320) < skill[speakers]
    probabilities = np.eye(2)[np.where(right, labels, 1 - labels)]
    names = np.array([f"speaker {number}" for number in speakers], object)
    grouped = score_task(labels, probabilities, ("x", "y"), names)
    alone = score_task(labels, probabilities, ("x", "y"))
    assert (grouped["interval_groups"], alone["interval_groups"]) == (8, 320)
    drawn = []
    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(speakers == speaker) for speaker in rng.integers(0, 8, 8)])
        recalls = [right[rows][labels[rows] == label].mean() for label in (0, 1)]
        drawn.append((right[rows].mean(), np.mean(recalls)))
    for name, values in zip(("accuracy", "uar"), np.array(drawn).T, strict=True):
        np.testing.assert_allclose(grouped[f"{name}_interval"], np.quantile(values, [0.025, 0.975]), atol=0.025)
        width, narrow = (np.diff(scores[f"{name}_interval"])[0] for scores in (grouped, alone))
        assert width > 1.8 * narrow  # clips of one speaker are alike


def test_clips_of_a_single_speaker_or_of_one_each_are_drawn_clip_by_clip():
    labels, probabilities = answers(60)
    expected = score_task(labels, probabilities, CLASSES)
    for groups in (np.array(["s"] * 60, object), np.array([f"{number:03d}" for number in range(60)], object)):
        assert score_task(labels, probabilities, CLASSES, groups) == expected


def test_repeats_do_not_multiply_the_clips_of_a_speaker():
    once = pd.DataFrame({"task": "t", "corpus": "x", "speaker": "s", "label": list("aab"), "predicted": list("abb")})
    other = once.assign(predicted=list("aab"))
    rows = score_groups(pd.concat([once.assign(repeat=0), other.assign(repeat=1)]))
    assert rows["n"].tolist() == [3]
    assert rows["accuracy"].tolist() == pytest.approx([(2 / 3 + 1) / 2])
