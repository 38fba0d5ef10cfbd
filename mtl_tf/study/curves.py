"""How a task learned alone: slopes of its loss, the fitted logarithm, and where it stops to fall."""

from collections.abc import Sequence

import numpy as np
from scipy import optimize

FRACTIONS = (0.1, 0.2, 0.3, 0.5, 0.7)
_WINDOW = 0.1  # half of it to each side of a fraction
_PLATEAU = 0.01  # share of the whole fall that an epoch must bring
_STARTS = (0.1, 1.0, 10.0, 100.0)


def describe_curve(losses: Sequence[float]) -> dict[str, float]:
    """Describes the training loss of a task over its epochs.

    Bingel and Sogaard (2017) take the gradient at shares of all batches and fit `a ln(c i + d) + b`. Departures: the
    loss is the mean of an epoch; the slopes are divided by the first loss, so that tasks with different numbers of
    classes compare; d is 1, since a, b, c and d together cannot be told apart.

    Args:
        losses: of each epoch.

    Returns:
        `slope_10` ... `slope_70`: change of the loss over the whole training at that rate, in shares of the first loss;
        `fit_a`, `fit_b`, `fit_c` and `fit_r2` of `a ln(c i + 1) + b` with i from 0 at the first epoch;
        `plateau_epoch`: the first epoch after which no epoch brings 1 % of the whole fall. NaN with less than four
        epochs.
    """
    values = np.asarray(losses, float)
    names = [f"slope_{round(100 * share)}" for share in FRACTIONS]
    if len(values) < 4 or not np.isfinite(values).all() or values[0] <= 0:
        return dict.fromkeys([*names, "fit_a", "fit_b", "fit_c", "fit_r2", "plateau_epoch"], np.nan)
    place = np.linspace(0, 1, len(values))
    scaled = values / values[0]
    slopes = {}
    for name, share in zip(names, FRACTIONS, strict=True):
        reach = max(_WINDOW, 1.01 / (len(values) - 1))  # two epochs at least
        near = np.abs(place - share) <= reach
        slopes[name] = float(np.polyfit(place[near], scaled[near], 1)[0])
    return slopes | _fit(values) | {"plateau_epoch": float(_plateau(values))}


def _fit(values: np.ndarray) -> dict[str, float]:
    steps = np.arange(len(values))

    def miss(numbers: np.ndarray) -> np.ndarray:
        a, b, c = numbers
        return a * np.log(c * steps + 1) + b - values

    fits = [
        optimize.least_squares(miss, [-1.0, values[0], start], bounds=([-np.inf, -np.inf, 1e-6], np.inf))
        for start in _STARTS
    ]
    best = min(fits, key=lambda fit: fit.cost)
    whole = float(np.square(values - values.mean()).sum())
    a, b, c = map(float, best.x)
    return {"fit_a": a, "fit_b": b, "fit_c": c, "fit_r2": 1 - 2 * float(best.cost) / whole if whole else np.nan}


def _plateau(values: np.ndarray) -> int:
    lowest = np.minimum.accumulate(values)
    falls = -np.diff(lowest)
    whole = lowest[0] - lowest[-1]
    if whole <= 0:
        return 0
    late = np.flatnonzero(falls >= _PLATEAU * whole)
    return int(late[-1]) + 1
