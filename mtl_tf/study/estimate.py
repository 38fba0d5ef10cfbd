"""How large a difference is, and how sure that is: intervals, tests and what could have been seen."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

NUM_DRAWS = 1000
LEVEL = 0.95
POWER = 0.8
_NOTHING = 1e-30  # a variance of rounding errors


@dataclass(frozen=True)
class Estimate:
    """A mean difference of scores and what is known of it.

    Attributes:
        gain: mean over the trainings.
        low: lower end of the 95 % interval.
        high: its upper end.
        p_value: two-sided, of no difference.
        p_better: probability that the difference is above the region of practical equivalence.
        p_same: that it is within.
        p_worse: that it is below.
        minimum_detectable: difference that would have been told from none with 80 % probability, were it the only one
            that is tested; infinite if no difference of scores is so large.
        standard_error: of the gain.
        freedom: degrees of freedom of the standard error.
        effect_size: the gain in standard deviations of the groups' differences.
        n_groups: how many groups there are.
        n_trainings: how many trainings there are.
    """

    gain: float
    low: float
    high: float
    p_value: float
    p_better: float
    p_same: float
    p_worse: float
    minimum_detectable: float
    standard_error: float
    freedom: float
    effect_size: float
    n_groups: int
    n_trainings: int

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def draw_groups(count: int, seed: int = 0, draws: int = NUM_DRAWS) -> np.ndarray:
    """Draws groups with replacement, int (draws, groups): how often each was drawn."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)


def estimate_gain(
    gains: np.ndarray, drawn: np.ndarray, n_groups: int, same_within: float, of_these: bool = False
) -> Estimate:
    """Estimates a difference of which there is one value per training, each over the same groups of clips.

    Two things make such a difference uncertain: which speakers were tested, and how each training happened to end. The
    first is measured by a cluster bootstrap, which draws whole groups. The second is what trainings differ by beyond
    that. The variance is the sum, as in an analysis of variance with both crossed and at random; the degrees of freedom
    are Satterthwaite's, as few groups or few seeds know their own spread badly. Interval, test and the posterior over
    the region of practical equivalence (with a flat prior, Corani and Benavoli 2015) are those of Student's t.

    A single training says nothing about others, so the interval is then as wide as scores can differ.

    Args:
        gains: float (trainings,), the difference in each, over all groups.
        drawn: float (trainings, draws), the same over draws of groups, the same draws in each.
        n_groups: how many groups were drawn from.
        same_within: half the width of the region of practical equivalence.
        of_these: ask of these trainings alone, on other speakers, so that seeds make nothing uncertain.
    """
    trainings, gain = len(gains), float(np.mean(gains))
    if (trainings < 2 and not of_these) or n_groups < 2:
        return Estimate(
            gain, -1.0, 1.0, 1.0, np.nan, np.nan, np.nan, np.inf, np.nan, np.nan, np.nan, int(n_groups), trainings
        )
    # A draw of n groups varies less than n new ones do.
    larger = n_groups / (n_groups - 1)
    of_groups = larger * float(np.nanvar(drawn.mean(axis=0), ddof=1))
    of_trainings, remainder = 0.0, 0.0
    if not of_these:
        of_one = larger * float(np.nanvar(drawn, axis=1, ddof=1).mean())
        remainder = max(of_one - of_groups, 0.0) * trainings / (trainings - 1)  # of single groups in single trainings
        of_trainings = float(np.var(gains, ddof=1)) / trainings
    variance = of_groups + max(of_trainings - remainder / trainings, 0.0)
    if variance < _NOTHING:
        same = float(abs(gain) <= same_within)
        better, worse = float(gain > same_within), float(gain < -same_within)
        sure = 0.0 if abs(gain) > 1e-12 else 1.0
        return Estimate(gain, gain, gain, sure, better, same, worse, 0.0, 0.0, np.inf, np.nan, int(n_groups), trainings)
    parts = [(of_groups, n_groups - 1)]
    if not of_these:
        parts += [(of_trainings, trainings - 1), (remainder / trainings, (n_groups - 1) * (trainings - 1))]
    # Where a part was taken off, the formula may give less than the part that knows itself worst has.
    least_known = min(count for _, count in parts)
    freedom = max(variance**2 / sum(part**2 / count for part, count in parts), least_known)
    error = variance**0.5
    known = stats.t(freedom, loc=gain, scale=error)
    low, high = known.interval(LEVEL)
    worse, better = known.cdf(-same_within), known.sf(same_within)
    return Estimate(
        gain=gain,
        low=max(float(low), -1.0),  # as far as scores can differ
        high=min(float(high), 1.0),
        p_value=float(2 * stats.t.sf(abs(gain) / error, freedom)),
        p_better=float(better),
        p_same=float(1 - better - worse),
        p_worse=float(worse),
        minimum_detectable=detectable(error, freedom),
        standard_error=error,
        freedom=freedom,
        effect_size=gain / (of_groups * n_groups) ** 0.5 if of_groups else np.nan,
        n_groups=int(n_groups),
        n_trainings=trainings,
    )


def folds_p_value(gains: np.ndarray, train_share: float) -> float:
    """Tests a difference over folds by the corrected resampled t-test (Nadeau and Bengio 2003).

    Training sets of folds overlap, so that the plain test is too sure.

    Args:
        gains: float (folds,), each the mean over its trainings, which have the same test clips.
        train_share: test clips over training clips of a fold.

    Returns:
        The two-sided p-value; 1 where nothing can be told.
    """
    if len(gains) < 2 or np.ptp(gains) == 0:
        return 1.0
    spread = float(np.var(gains, ddof=1))
    statistic = float(np.mean(gains)) / ((1 / len(gains) + train_share) * spread) ** 0.5
    return float(2 * stats.t.sf(abs(statistic), len(gains) - 1))


def detectable(error: float, freedom: float, tests: int = 1) -> float:
    """Returns which difference would have been told from none with 80 % probability.

    Args:
        error: standard error of the difference.
        freedom: degrees of freedom of it.
        tests: how many differences are tested, and their p-values corrected; the first step of Holm's correction asks
            of each what Bonferroni's asks.

    Returns:
        The difference; infinite if no difference of scores is so large.
    """
    if not error:
        return 0.0
    threshold = stats.t.ppf(1 - (1 - LEVEL) / (2 * tests), freedom)

    def lacking(size: float) -> float:
        return stats.nct.sf(threshold, freedom, size) - POWER

    highest = threshold + 10 + 10 / freedom
    while lacking(highest) < 0 and highest * error < 1.0:
        highest *= 2
    if lacking(highest) < 0:
        return np.inf
    least = error * float(optimize.brentq(lacking, 0.1, highest))
    return least if least < 1.0 else np.inf
