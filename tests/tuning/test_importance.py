"""Which key matters, where the truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mtl_tf.tuning.importance import FEWEST_TRIALS, encode, key_importance
from mtl_tf.tuning.report import describe_finish


def trials(count, seed=0):
    rng = np.random.default_rng(seed)
    rates = 10 ** rng.uniform(-4, -2, count)
    table = pd.DataFrame(
        {
            "training.learning_rate": [f"{rate:.6g}" for rate in rates],
            "training.optimizer": rng.choice(["adam", "sgd"], count),
            "model.dropout": [f"{value:.1f}" for value in rng.uniform(0, 0.5, count)],
            "seed": "0",
        }
    )
    return table, rates, rng


def test_the_key_that_makes_the_score_is_first_and_the_idle_ones_are_near_zero():
    table, rates, rng = trials(80)
    found = key_importance(table, -np.abs(np.log10(rates) + 3) + 0.02 * rng.standard_normal(80))
    (first, largest), *rest = found.values.items()
    assert first == "training.learning_rate" and largest > 0.8 and found.explained > 0.8
    assert all(abs(value) < 0.1 for _, value in rest)
    assert "seed" not in found.values, "a key of one value cannot matter"


def test_noise_is_called_noise():
    table, _, rng = trials(40)
    found = key_importance(table, rng.standard_normal(40))
    assert found.explained <= 0 and "these bars say nothing" in found.remark


def test_few_trials_say_nothing():
    table, rates, _ = trials(FEWEST_TRIALS - 1)
    found = key_importance(table, rates)
    assert found.values == {} and "too few" in found.remark


def test_the_same_score_everywhere_is_no_division_by_zero():
    table, _, _ = trials(20)
    assert np.isfinite(list(key_importance(table, np.full(20, 0.5)).values.values())).all()


def test_values_become_numbers_and_what_was_not_searched_lies_apart():
    np.testing.assert_array_equal(encode(pd.Series(["1", None, "3"])), [1, -1, 3])
    np.testing.assert_array_equal(encode(pd.Series(["b", "a", None])), [1, 0, -1])


def finish_of(winner, default):
    def runs(scores):
        return [{"test": {"digit": score}, "validation": {"digit": score}} for score in scores]

    return {
        "metrics": {"digit": "accuracy"},
        "search_scores": {"digit": 0.9},
        "own_test": [{"digit": 0.8}],
        "winner": runs(winner),
        "default": runs(default),
    }


def test_the_gain_has_the_interval_of_a_paired_t_test():
    winner, default = [0.80, 0.84, 0.85], [0.70, 0.71, 0.78]
    (row,) = describe_finish(finish_of(winner, default))
    difference = np.subtract(winner, default)
    reach = stats.t.ppf(0.975, 2) * difference.std(ddof=1) / np.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((difference.mean() - reach, difference.mean() + reach))
    assert "better than" in row["words"] and "7.0 points of its validation score" in row["words"]


def test_a_gain_whose_interval_holds_zero_is_not_claimed():
    (row,) = describe_finish(finish_of([0.8, 0.7], [0.7, 0.72]))
    assert "not shown to differ from" in row["words"]


def test_trials_that_carry_one_another_on_are_one_group():
    """A forest that has seen a trial knows the one it was carried on to; by groups it knows nothing of noise."""
    rng = np.random.default_rng(0)
    drawn, noise = rng.uniform(size=12), rng.uniform(size=12)
    keys = pd.DataFrame({"rate": np.repeat(drawn, 3).astype(str)})
    scores = np.repeat(noise, 3) + 0.01 * rng.uniform(size=36)
    assert key_importance(keys, scores).explained > 0.5
    assert key_importance(keys, scores, groups=np.repeat(np.arange(12), 3)).explained < 0.1
