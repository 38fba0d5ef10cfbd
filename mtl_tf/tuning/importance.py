"""How much each searched key matters to the score, as far as the trials can tell."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold

FEWEST_TRIALS, PER_KEY = 10, 5
_TREES, _REPEATS, _FOLDS = 200, 10, 5


@dataclass(frozen=True)
class Importance:
    """What a forest says of the keys.

    Attributes:
        values: key to the fall of the explained variance where its values are shuffled, in trials that the forest has
            not seen; largest first, empty where there are too few trials.
        explained: share of the variance of unseen trials' scores that the forest explains; at most 1.
        remark: how far to trust it.
    """

    values: dict[str, float]
    explained: float | None
    remark: str


def key_importance(keys: pd.DataFrame, scores: np.ndarray, groups: np.ndarray | None = None) -> Importance:
    """Measures permutation importance of a random forest by cross-validation over the trials.

    Args:
        keys: one row per completed trial, one column per searched key, text as in `trials.csv`; empty where it was not
            searched.
        scores: float (trials,).
        groups: of each trial; those of one group, such as one that hyperband carried on and what it was carried on
            from, are never in training and test of the forest. None: each is a group of its own.

    Returns:
        The importance of each key that has more than one value.
    """
    varied = keys[[name for name in keys if keys[name].nunique(dropna=False) > 1]]
    if len(varied) < FEWEST_TRIALS or varied.empty:
        return Importance({}, None, f"{len(keys)} completed trials are too few to tell which key matters.")
    encoded = pd.DataFrame({name: encode(varied[name]) for name in varied})
    falls, predicted = np.zeros(encoded.shape[1]), np.zeros(len(scores))
    groups = np.arange(len(scores)) if groups is None else groups
    count = min(_FOLDS, len(set(groups)) // 2)
    if count < 2:
        return Importance({}, None, f"{len(set(groups))} different trials are too few to tell which key matters.")
    folds = list(GroupKFold(count, shuffle=True, random_state=0).split(encoded, groups=groups))
    for training, test in folds:
        forest = RandomForestRegressor(_TREES, random_state=0).fit(encoded.iloc[training], scores[training])
        predicted[test] = forest.predict(encoded.iloc[test])
        found = permutation_importance(
            forest,
            encoded.iloc[test],
            scores[test],
            scoring="neg_mean_squared_error",
            n_repeats=_REPEATS,
            random_state=0,
        )
        falls += found.importances_mean * len(test) / len(scores)
    variance = float(np.var(scores))
    falls /= variance or 1.0
    explained = float(r2_score(scores, predicted)) if variance else 0.0
    order = np.argsort(-falls)
    values = {varied.columns[place]: float(falls[place]) for place in order}
    if explained <= 0:
        remark = (
            f"The forest predicts trials it has not seen no better than their mean does ({len(scores)} trials): these "
            "bars say nothing."
        )
    elif len(scores) < PER_KEY * len(values):
        remark = (
            f"The forest explains {100 * explained:.0f} % of the variance of trials it has not seen, but "
            f"{len(scores)} trials for {len(values)} keys are few: take the order as a hint."
        )
    else:
        remark = f"The forest explains {100 * explained:.0f} % of the variance of trials it has not seen."
    return Importance(values, explained, remark)


def encode(column: pd.Series) -> np.ndarray:
    """Turns the values of a key into numbers: numbers as they are, text by its order of names, empty below all others.

    Returns:
        float64 (trials,).
    """
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().sum() > column.isna().sum():
        numbers = column.astype("category").cat.codes.where(column.notna()).astype(float)
    smallest = numbers.min() if numbers.notna().any() else 0.0
    spread = numbers.max() - smallest if numbers.notna().any() else 1.0
    return numbers.fillna(smallest - (spread or 1.0)).to_numpy(float)
