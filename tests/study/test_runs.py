"""The list of runs, and the comparison of two of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.study.run_list import compare_runs, list_runs
from mtl_tf.study.terminal import print_comparison, print_runs


@pytest.fixture
def runs(small_run):
    """Two runs that differ in their epochs, each trained from two seeds."""
    return [run_experiment(compose([*small_run, "repeats=2", f"training.epochs={epochs}"])) for epochs in (1, 3)]


def test_runs_are_listed_with_what_they_differ_in_and_compared(runs, small_run, capsys):
    table = list_runs(Path("runs"), "fsdd")
    assert table["differs"].tolist() == ["training.epochs=1", "training.epochs=3"]
    assert table["run"].tolist() == [str(folder) for folder in runs]
    assert table.columns[2:].tolist() == ["digit accuracy", "speaker accuracy", "train_seconds"]
    print_runs(table)
    found = compare_runs(runs)
    print_comparison(found, runs)
    said = capsys.readouterr().out
    assert "Finished runs" in said and "in points (95 %)" in said
    for row in found.itertuples():
        parts = [[folder / "repeats" / str(seed) / "predictions.parquet" for seed in (0, 1)] for folder in runs]
        scores = np.array([[_accuracy(pd.read_parquet(path), row.task) for path in paths] for paths in parts])
        assert (row.first, row.second) == pytest.approx(tuple(scores.mean(axis=1)))
        assert row.gain == pytest.approx(np.diff(scores.mean(axis=1))[0]) and row.n_trainings == 2
    with pytest.raises(UserError, match="no finished run below nowhere"):
        list_runs(Path("nowhere"))
    other = run_experiment(compose([*small_run, "split.strategy=random", "training.epochs=1"]))
    with pytest.raises(UserError, match="scored on different clips"):
        compare_runs([runs[0], other])


def test_single_trainings_are_compared_as_they_are(finished_run):
    """The run beside itself: the same on any speakers."""
    found = compare_runs([finished_run, finished_run])
    assert (found["gain"] == 0).all() and (found["p_same"] == 1).all() and (found["n_trainings"] == 1).all()


def test_the_interval_of_single_trainings_is_the_t_test_over_speakers():
    from mtl_tf.study.estimate import draw_groups, estimate_gain

    speakers = 0.01 + 0.05 * np.random.default_rng(3).normal(size=100)
    drawn = (draw_groups(100, draws=20_000) @ speakers / 100)[None]
    found = estimate_gain(np.array([speakers.mean()]), drawn, 100, 0.01, of_these=True)
    interval = stats.ttest_1samp(speakers, 0.0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=4e-4)


def _accuracy(table, task):
    rows = table[table["task"] == task]
    return (rows["label"] == rows["predicted"]).mean()
