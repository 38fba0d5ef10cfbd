"""What predicts gains, on made tables whose rule is known."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mtl_tf.study.curves import describe_curve
from mtl_tf.study.predictors import correlate, pair_features, predict_gains

TASKS = list("abcdefgh")


def table_of(rule, seed=0):
    rng = np.random.default_rng(seed)
    entropy = rng.permutation(np.linspace(-1, 1, 8))  # of both signs as often
    measured = pd.DataFrame({"task": TASKS, "clips": rng.normal(size=8), "entropy": entropy, "same": 1.0})
    value = measured.set_index("task")
    gains = [
        {"task": main, "partners": partner, "gain": rule(value.loc[main], value.loc[partner], rng)}
        for main, partner in itertools.permutations(TASKS, 2)
    ]
    return pair_features(pd.DataFrame(gains), measured)


def test_a_measurement_that_makes_the_gain_is_found():
    pairs = table_of(lambda main, partner, rng: 0.03 * partner.entropy + 0.003 * rng.normal())
    assert len(pairs) == 56 and set(pairs) >= {"main.clips", "partner.entropy"} and "main.same" not in pairs
    found = correlate(pairs)
    assert found["measurement"][0] == "partner.entropy" and found["p_value_holm"][0] < 1e-6
    expected = stats.pearsonr(pairs["partner.entropy"], pairs["gain"])
    assert found["r"][0] == pytest.approx(expected.statistic)
    prediction = predict_gains(pairs)
    assert prediction.accuracy > 0.9 > prediction.majority and prediction.accuracy_new_tasks > 0.7
    assert prediction.variance_of_partner > 0.8 > prediction.variance_of_main


def test_noise_is_predicted_no_better_than_by_guessing():
    found = [predict_gains(table_of(lambda main, partner, rng: rng.normal(), seed)) for seed in range(5)]
    assert np.mean([entry.accuracy - entry.majority for entry in found]) < 0.05
    correlations = [correlate(table_of(lambda main, partner, rng: rng.normal(), seed)) for seed in range(20)]
    assert np.mean([(table["p_value_holm"] < 0.05).any() for table in correlations]) <= 0.2


def test_few_pairs_predict_nothing():
    pairs = table_of(lambda main, partner, rng: rng.normal()).head(6)
    assert np.isnan(predict_gains(pairs).accuracy) and len(correlate(pairs.head(3))) == 0


@pytest.mark.parametrize("c", [0.2, 1.0, 30.0])
def test_the_fit_of_a_logarithm_finds_it_again(c):
    found = describe_curve(-0.4 * np.log(c * np.arange(20) + 1) + 3.0)
    assert (found["fit_a"], found["fit_b"], found["fit_c"]) == pytest.approx((-0.4, 3.0, c), rel=0.05)
    assert found["fit_r2"] > 0.999


def test_slopes_and_plateau_by_hand():
    straight = describe_curve(np.linspace(2.0, 1.0, 21))
    assert straight["slope_10"] == pytest.approx(-0.5) and straight["slope_70"] == pytest.approx(-0.5)
    assert straight["plateau_epoch"] == 20
    early = describe_curve([2.0, 1.5, 1.1, 1.0, 1.0, 1.001, 0.9995, 1.0])
    assert early["plateau_epoch"] == 3 and abs(early["slope_70"]) < 0.01 < abs(early["slope_10"])
    assert np.isnan(describe_curve([2.0, 1.0])["fit_a"])
