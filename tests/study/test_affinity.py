"""Groupings of tasks, by hand and against all that there are."""

import numpy as np
import pandas as pd
import pytest

from mtl_tf.study.affinity import best_groupings, groupings, rank_correlation

BELL = {1: 1, 2: 2, 3: 5, 4: 15, 5: 52, 6: 203}


@pytest.mark.parametrize("count", BELL)
def test_every_division_is_there_once(count):
    tasks = list("abcdef")[:count]
    found = groupings(tasks, count)
    assert len(found) == BELL[count]
    assert len({frozenset(map(frozenset, way)) for way in found}) == BELL[count]
    assert all(sorted(name for group in way for name in group) == tasks for way in found)
    assert groupings(tasks, 1) == [(tuple(tasks),)]


def table_of(gain, affinity):
    rows = [(a, b, affinity[a, b], 0.0, gain[a, b]) for a, b in gain]
    return pd.DataFrame(rows, columns=["task", "partner", "affinity", "cosine", "gain"])


def test_the_best_division_by_hand():
    """a and b help each other, c hurts both: two networks are best, and affinity that mistakes b for c loses by it."""
    gain = {("a", "b"): 0.1, ("b", "a"): 0.1, ("a", "c"): -0.2, ("c", "a"): 0.0, ("b", "c"): -0.1, ("c", "b"): 0.0}
    affinity = gain | {("a", "b"): -0.1, ("b", "a"): -0.1, ("b", "c"): 0.3, ("c", "b"): 0.3}
    one, two = best_groupings("abc", table_of(gain, affinity))
    assert one["measured"] == "a, b, c" and one["gain"] == pytest.approx((-0.05 + 0.0 + 0.0) / 3)
    assert two["measured"] == "a, b | c" and two["gain"] == pytest.approx(0.2 / 3)
    assert two["by_affinity"] == "a | b, c" and two["regret"] == pytest.approx((0.2 - (-0.1)) / 3)
    assert best_groupings("abcd", table_of(gain, affinity)) == []


def test_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"affinity": rng.normal(size=12), "gain": rng.normal(size=12)})
    assert rank_correlation(table, "affinity")[0] == pytest.approx(spearmanr(table["affinity"], table["gain"])[0])
    assert np.isnan(rank_correlation(table.head(3), "affinity")[0])
