"""Scores over draws of groups, held to scikit-learn on the clips that were drawn."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mtl_tf.errors import UserError
from mtl_tf.evaluation.tags import mean_average_precision
from mtl_tf.study.evidence import common_classes, read_score

CLASSES = ["a", "b", "c"]
RNG = np.random.default_rng(0)


def groups_of(count):
    return [f"speaker{number}" for number in RNG.integers(0, 6, count)]


def of_classes(count=60):
    labels = RNG.choice(CLASSES, count)
    predicted = np.where(RNG.uniform(size=count) < 0.6, labels, RNG.choice(CLASSES, count))
    rows = {"clip_id": [f"clip{number:03}" for number in range(count)], "group": groups_of(count), "label": labels}
    return pd.DataFrame(rows | {"predicted": predicted, "targets": None, "probabilities": None})


def drawn_rows(table, score, times):
    """Repeats the clips of every group as often as the group was drawn."""
    count = dict(zip(score.groups, times, strict=True))
    return table.loc[table.index.repeat(table["group"].map(count))]


@pytest.mark.parametrize("metric", ["uar", "accuracy", "macro_f1"])
def test_scores_of_classes_over_draws(metric):
    table = of_classes()
    score = read_score(table.sample(frac=1, random_state=0), metric, CLASSES)
    times = RNG.multinomial(6, np.full(6, 1 / 6), size=20)
    for row, found in zip(times, score.of_draws(times), strict=True):
        drawn = drawn_rows(table, score, row)
        truth, answer = drawn["label"].to_list(), drawn["predicted"].to_list()
        present = sorted(set(truth))
        expected = {
            "uar": metrics.recall_score(truth, answer, labels=present, average="macro", zero_division=0),
            "accuracy": metrics.accuracy_score(truth, answer),
            "macro_f1": metrics.f1_score(truth, answer, labels=present, average="macro", zero_division=0),
        }[metric]
        assert found == pytest.approx(expected, abs=1e-12)
    assert score.whole() == pytest.approx(score.of_draws(np.ones((1, 6)))[0])


def of_tags(count=50):
    targets = RNG.choice([0, 1, 1, -1, 0], (count, 3)).astype(np.int8)
    probabilities = np.clip(0.5 * (targets == 1) + RNG.uniform(size=targets.shape) * 0.6, 0, 1)
    predicted = [";".join(np.array(CLASSES)[row]) for row in probabilities >= 0.5]
    rows = {"clip_id": [f"clip{number:03}" for number in range(count)], "group": groups_of(count), "label": ""}
    return pd.DataFrame(rows | {"predicted": predicted, "targets": list(targets), "probabilities": list(probabilities)})


@pytest.mark.parametrize("metric", ["map", "macro_f1"])
def test_scores_of_tags_over_draws(metric):
    table = of_tags()
    score = read_score(table, metric, CLASSES)
    times = RNG.multinomial(6, np.full(6, 1 / 6), size=20)
    for row, found in zip(times, score.of_draws(times), strict=True):
        drawn = drawn_rows(table, score, row)
        targets, values = np.stack(drawn["targets"]), np.stack(drawn["probabilities"])
        f1 = [
            metrics.f1_score(targets[known, index] == 1, values[known, index] >= 0.5, zero_division=0)
            for index in range(3)
            if (known := targets[:, index] >= 0).any() and (targets[:, index] == 1).any()
        ]
        expected = mean_average_precision(targets, values) if metric == "map" else np.mean(f1)
        assert found == pytest.approx(expected, abs=1e-9)


def test_scores_of_steps_over_draws():
    """Clips of different lengths, each with its steps one after the other."""
    lengths = RNG.integers(5, 30, 24)
    targets = [RNG.choice([0, 1, 0, -1], (length, 3)).astype(np.int8) for length in lengths]
    active = [(values == 1) ^ (RNG.uniform(size=values.shape) < 0.2) for values in targets]
    table = pd.DataFrame(
        {
            "clip_id": [f"clip{number:03}" for number in range(24)],
            "group": groups_of(24),
            "label": "",
            "predicted": "",
            "targets": [values.ravel() for values in targets],
            "active": [values.ravel() for values in active],
            "probabilities": None,
        }
    )
    score = read_score(table, "frame_f1", CLASSES)
    without = read_score(table, "frame_f1", CLASSES, background="b")
    assert without.counts.shape[2] == 2
    np.testing.assert_array_equal(without.counts, score.counts[:, :, [0, 2]])
    times = RNG.multinomial(len(score.groups), np.full(len(score.groups), 1 / len(score.groups)), size=10)
    for row, found in zip(times, score.of_draws(times), strict=True):
        places = drawn_rows(table, score, row).index
        true, said = np.concatenate([targets[i] for i in places]), np.concatenate([active[i] for i in places])
        f1 = [
            metrics.f1_score(true[known, index] == 1, said[known, index])
            for index in range(3)
            if (known := true[:, index] >= 0).any()
        ]
        assert found == pytest.approx(np.mean(f1), abs=1e-9)


def test_classes_of_folds_are_put_together_where_their_order_does_not_matter():
    assert common_classes("speaker", [["a", "b"], ["b", "c"]], exclusive=True) == ["a", "b", "c"]
    assert common_classes("tag", [["b", "a"], ["b", "a"]], exclusive=False) == ["b", "a"]
    with pytest.raises(UserError, match=r"name them with tasks\.tag\.classes"):
        common_classes("tag", [["a", "b"], ["a"]], exclusive=False)
    folds = [of_classes(20).assign(label=label, predicted=answer) for label, answer in (("a", "b"), ("b", "c"))]
    table = pd.concat([fold.assign(clip_id=fold["clip_id"] + name) for fold, name in zip(folds, "xy", strict=True)])
    assert read_score(table, "accuracy", ["a", "b", "c"]).whole() == 0.0
