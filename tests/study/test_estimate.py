"""Differences of scores, on simulated studies whose truth is known, and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from mtl_tf.study.estimate import draw_groups, estimate_gain, folds_p_value
from mtl_tf.study.gains import with_verdicts

SEEDS, SPEAKERS = 5, 24


def simulated(rng, truth, of_speakers=0.05, of_seeds=0.02, remainder=0.05, seeds=SEEDS, speakers=SPEAKERS):
    """Estimates the difference in a score table: a part of each speaker, of each seed, and of both."""
    table = truth + of_speakers * rng.normal(size=(1, speakers)) + of_seeds * rng.normal(size=(seeds, 1))
    table = table + remainder * rng.normal(size=(seeds, speakers))
    drawn = (draw_groups(speakers) @ table.T / speakers).T
    return estimate_gain(table.mean(axis=1), drawn, speakers, 0.01)


@pytest.mark.parametrize("spread", [(0.05, 0.02, 0.05), (0.05, 0.01, 0.05), (0.0, 0.03, 0.05)])
def test_intervals_hold_what_they_promise_over_simulated_studies(spread):
    rng = np.random.default_rng(7)
    nothing = [simulated(rng, 0.0, *spread) for _ in range(1000)]
    covered = np.mean([found.low <= 0.0 <= found.high for found in nothing])
    assert 0.93 <= covered <= 0.97
    assert np.mean([found.p_value < 0.05 for found in nothing]) <= 0.05 + 2 * (0.05 * 0.95 / 1000) ** 0.5
    least = float(np.mean([found.minimum_detectable for found in nothing]))
    found = [simulated(rng, least, *spread).p_value < 0.05 for _ in range(1000)]
    assert 0.75 <= np.mean(found) <= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2, 12])
def test_a_gain_of_the_stated_size_is_told_in_a_whole_table_as_often_as_stated(rows):
    """One row has a gain of the size that `minimum_detectable` states after Holm's correction, the others have none."""
    rng, found, false, least = np.random.default_rng(5), [], [], None
    names = ("gain", "p_value", "standard_error", "freedom", "minimum_detectable")
    for study in range(240):
        truth = 0.0 if study < 40 else float(np.mean(least))
        estimates = [simulated(rng, truth if row == 0 else 0.0) for row in range(rows)]
        table = pd.DataFrame([{name: getattr(own, name) for name in names} for own in estimates])
        if study >= 40:
            table["standard_error"] = np.nan  # what could be told is known by now, and slow to compute
        table = with_verdicts(
            table.assign(p_value_holm=np.nan, verdict=""), lambda row: "told" if row["p_value_holm"] < 0.05 else "not"
        )
        told = table["verdict"] == "told"
        if study < 40:
            least = [*(least or []), table["minimum_detectable"].mean()]
        else:
            found.append(told[0])
            false.append(told[1:].any())
    assert 0.73 <= np.mean(found) <= 0.87
    assert np.mean(false) <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_a_difference_of_single_trainings_says_nothing_of_others():
    found = simulated(np.random.default_rng(0), 0.3, seeds=1)
    assert (found.low, found.high, found.p_value) == (-1.0, 1.0, 1.0) and np.isinf(found.minimum_detectable)


def test_without_spread_between_seeds_it_is_the_t_test_over_speakers():
    """Where all seeds agree, what is left are the speakers, and the test is the one-sample t-test over them."""
    rng = np.random.default_rng(3)
    speakers = 0.006 + 0.05 * rng.normal(size=200)
    table = np.tile(speakers, (SEEDS, 1))
    drawn = (draw_groups(200, draws=20_000) @ table.T / 200).T
    found = estimate_gain(table.mean(axis=1), drawn, 200, 0.01)
    expected = stats.ttest_1samp(speakers, 0.0)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=2e-4)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.1)
    assert found.effect_size == pytest.approx(speakers.mean() / speakers.std(ddof=1), rel=0.03)


def test_without_spread_between_speakers_it_is_the_t_test_over_seeds():
    seeds = np.array([0.01, 0.03, 0.02, 0.05, 0.04])
    drawn = np.tile(seeds[:, None], (1, 1000))
    found = estimate_gain(seeds, drawn, SPEAKERS, 0.01)
    interval = stats.ttest_1samp(seeds, 0.0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p_better + found.p_same + found.p_worse == pytest.approx(1.0)
    known = stats.t(4, loc=seeds.mean(), scale=seeds.std(ddof=1) / 5**0.5)
    assert found.p_better == pytest.approx(known.sf(0.01))


def test_equal_scores_are_the_same():
    found = estimate_gain(np.zeros(3), np.zeros((3, 100)), 8, 0.01)
    assert (found.gain, found.p_value, found.p_same) == (0.0, 1.0, 1.0) and not found.is_sure


@settings(max_examples=200, deadline=None)
@given(
    table=hnp.arrays(
        float, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), elements=st.floats(-1, 1)
    ),
    size=st.sampled_from([1.0, 1e-3, 1e-9, 0.0]),
)
def test_any_table_of_differences_has_an_estimate(table, size):
    table = size * table
    drawn = (draw_groups(table.shape[1], draws=50) @ table.T / table.shape[1]).T
    found = estimate_gain(table.mean(axis=1), drawn, table.shape[1], 0.01)
    assert -1 <= found.low <= found.gain + 1e-12 and found.gain - 1e-12 <= found.high <= 1
    assert 0 <= found.p_value <= 1 and found.minimum_detectable >= 0
    assert found.p_better + found.p_same + found.p_worse == pytest.approx(1.0)


def test_the_minimum_detectable_difference_is_that_of_the_t_test():
    from statsmodels.stats.power import TTestPower

    seeds = np.array([0.01, 0.03, 0.02, 0.05, 0.04])
    found = estimate_gain(seeds, np.tile(seeds[:, None], (1, 1000)), SPEAKERS, 0.01)
    size = TTestPower().solve_power(nobs=5, alpha=0.05, power=0.8)
    assert found.minimum_detectable == pytest.approx(size * seeds.std(ddof=1), rel=0.01)


def test_the_test_over_folds_by_hand():
    """Nadeau and Bengio: 1/n plus test over training clips in place of 1/n."""
    gains = np.array([0.02, 0.04, 0.01, 0.03, 0.05])
    statistic = gains.mean() / ((1 / 5 + 1 / 4) * gains.var(ddof=1)) ** 0.5
    assert folds_p_value(gains, 0.25) == pytest.approx(2 * stats.t.sf(statistic, 4))
    assert folds_p_value(gains, 0.25) > stats.ttest_1samp(gains, 0.0).pvalue
    assert folds_p_value(np.array([0.1]), 0.25) == folds_p_value(np.full(3, 0.1), 0.25) == 1.0
