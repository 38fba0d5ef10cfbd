"""Scores of tags against scikit-learn, on random and on empty cases."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mtl_tf.evaluation.tags import answered_tags, find_decisions, score_tags

CLASSES = ("a", "b", "c", "d")


@pytest.mark.parametrize("seed", range(200))
def test_scores_of_random_clips_are_those_of_scikit_learn(seed, monkeypatch):
    monkeypatch.setattr("mtl_tf.evaluation.tags.NUM_RESAMPLES", 3)
    rng = np.random.default_rng(seed)
    clips = int(rng.integers(2, 30))
    targets = (rng.uniform(size=(clips, 4)) < rng.uniform(0, 1, 4)).astype(int)
    values = np.round(rng.uniform(size=targets.shape), 2)
    found = score_tags(targets, values, CLASSES, dict.fromkeys(CLASSES, 0.4))
    occurring = [tag for tag in range(4) if targets[:, tag].any()]
    answers = values >= 0.4
    expected = {
        "map": [metrics.average_precision_score(targets[:, tag], values[:, tag]) for tag in occurring],
        "macro_f1": [metrics.f1_score(targets[:, tag], answers[:, tag], zero_division=0) for tag in occurring],
        "chance": [targets[:, tag].mean() for tag in occurring],
    }
    for name, parts in expected.items():
        assert found[name] == pytest.approx(np.mean(parts) if parts else 0.0, abs=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        micro = metrics.f1_score(targets, answers, average="micro", zero_division=0)
    assert found["micro_f1"] == pytest.approx(micro, abs=1e-9)
    areas = [metrics.roc_auc_score(targets[:, tag], values[:, tag]) for tag in occurring if not targets[:, tag].all()]
    assert found["roc_auc"] == (pytest.approx(np.mean(areas), abs=1e-9) if areas else None)
    rows = targets.any(axis=1)
    ranking = metrics.label_ranking_average_precision_score(targets[rows], values[rows]) if rows.any() else None
    assert found["label_ranking_ap"] == (None if ranking is None else pytest.approx(ranking, abs=1e-9))


def test_what_was_not_annotated_changes_nothing_but_counts():
    rng = np.random.default_rng(0)
    targets, values = rng.integers(0, 2, (50, 4)), rng.uniform(size=(50, 4))
    hidden = np.concatenate([targets, np.full((30, 4), -1)])
    more = np.concatenate([values, rng.uniform(size=(30, 4))])
    one, other = (score_tags(*case, CLASSES, {}) for case in ((targets, values), (hidden, more)))
    for name in ("map", "macro_f1", "micro_f1", "roc_auc", "label_ranking_ap", "chance", "per_class"):
        assert one[name] == other[name]
    assert other["n"] == 80


def test_clips_without_any_tag_have_scores():
    found = score_tags(np.zeros((3, 4), int), np.full((3, 4), 0.1), CLASSES, {})
    assert (found["map"], found["macro_f1"], found["micro_f1"]) == (0.0, 0.0, 0.0)
    assert found["roc_auc"] is None and found["label_ranking_ap"] is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=25))
def test_a_decision_has_the_best_f1_that_any_probability_gives(clips):
    truth, values = np.array([clip[0] for clip in clips]), np.array([clip[1] for clip in clips]) / 20
    decision = find_decisions(truth[:, None].astype(int), values[:, None], ("a",))
    if not truth.any() or truth.all():
        assert decision == {"a": 0.5}
        return
    best = max(metrics.f1_score(truth, values >= threshold, zero_division=0) for threshold in values)
    answered = answered_tags(values[:, None], ("a",), decision)[:, 0]
    assert metrics.f1_score(truth, answered, zero_division=0) == pytest.approx(best)


def test_a_decision_is_one_half_where_that_is_as_good_as_any():
    targets, values = np.array([[0], [0], [1], [1]]), np.array([[0.01], [0.02], [0.9], [0.99]])
    assert find_decisions(targets, values, ("a",)) == {"a": 0.5}
    assert find_decisions(targets, values / 4, ("a",))["a"] == pytest.approx((0.005 + 0.225) / 2)


def test_intervals_draw_groups():
    rng = np.random.default_rng(0)
    targets = np.repeat(rng.integers(0, 2, (10, 4)), 20, axis=0)
    values = np.clip(np.repeat(rng.uniform(size=(10, 4)), 20, axis=0) + 0.01 * rng.uniform(size=(200, 4)), 0, 1)
    groups = np.repeat(np.arange(10), 20)
    wide, narrow = (score_tags(targets, values, CLASSES, {}, which)["map_interval"] for which in (groups, None))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
