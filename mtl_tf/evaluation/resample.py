"""Intervals of scores by drawing whole groups of clips anew."""

from collections.abc import Callable

import numpy as np
from scipy import stats

NUM_RESAMPLES = 1000


def group_numbers(groups: np.ndarray | None, count: int) -> np.ndarray:
    """Numbers the groups of clips from 0; where all are of one, which says nothing of others, each is its own.

    Args:
        groups: of each clip; None: each is a group of its own.
        count: of clips.

    Returns:
        int (clips,).
    """
    numbers = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    return np.arange(count) if numbers.max() == 0 else numbers


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float], count: int, num_resamples: int = NUM_RESAMPLES
) -> list[float]:
    """Draws groups with replacement and takes the percentiles of a score.

    Args:
        statistic: of the numbers of the groups that were drawn, int (count,).
        count: of groups.
        num_resamples: how often.

    Returns:
        Lower and upper end of the 95 % interval.
    """
    interval = stats.bootstrap(
        (np.arange(count),), statistic, vectorized=False, n_resamples=num_resamples, method="percentile", rng=0
    ).confidence_interval
    return [float(interval.low), float(interval.high)]
