"""What tells beforehand whether two tasks help each other: correlations, a logistic regression and a mixed model."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

from mtl_tf.study.gains import HELPS, UNCONTROLLED

FEWEST_PAIRS = 12  # for models; correlations are given from 4 on
_FOLDS, _RUNS = 5, 100


@dataclass(frozen=True)
class Prediction:
    """How well gains can be told beforehand.

    Attributes:
        n_pairs: how many pairs of main and auxiliary task there are.
        accuracy: of the sign of the gain, mean of 100 runs of 5-fold cross-validation; NaN with too few pairs.
        majority: of guessing the more frequent sign, in the same folds.
        accuracy_new_tasks: where all pairs of a task are left out, as folds that share a task know it already.
        majority_new_tasks: of the guess, likewise.
        variance_of_main: share of the variance of the gains that the main task explains, by a mixed model with main and
            auxiliary task as random effects; NaN with too few pairs.
        variance_of_partner: that the auxiliary task explains.
    """

    n_pairs: int
    accuracy: float
    majority: float
    accuracy_new_tasks: float
    majority_new_tasks: float
    variance_of_main: float
    variance_of_partner: float


def pair_features(gains: pd.DataFrame, measurements: pd.DataFrame) -> pd.DataFrame:
    """Puts the measurements of both tasks beside the gain of every pair.

    Args:
        gains: see `find_gains`; rows of pairs are used, of one model.
        measurements: one row per task.

    Returns:
        `main`, `partner`, `gain`, and `main.NAME` and `partner.NAME` of every number that differs between tasks;
        `pair.shared_clips` where gains have it.
    """
    table = measurements.set_index("task").select_dtypes(["number"])
    table = table.loc[:, table.nunique() > 1].dropna(axis=1)
    pairs = gains[gains["partners"].isin(table.index) & gains["task"].isin(table.index)]
    parts = [
        pd.DataFrame({"main": pairs["task"], "partner": pairs["partners"], "gain": pairs["gain"]}).reset_index(
            drop=True
        )
    ]
    for role, column in (("main", "task"), ("partner", "partners")):
        parts.append(table.loc[pairs[column]].add_prefix(f"{role}.").reset_index(drop=True))
    if "shared_clips" in pairs and pairs["shared_clips"].nunique() > 1:
        parts.append(pairs[["shared_clips"]].add_prefix("pair.").reset_index(drop=True))
    return pd.concat(parts, axis=1)


def by_origin(gains: pd.DataFrame) -> list[dict[str, object]]:
    """Compares partners whose labels are on the main task's own clips with partners from other clips.

    That is Callebaut's question (2021, experiment 4) whether an auxiliary task should come from the main task's corpus.

    Args:
        gains: with `shared_clips`; rows of pairs are used.

    Returns:
        Of each kind there is `origin`, `n_pairs`, `gain` (mean), `low`, `high` (95 % over pairs, as if they were
        independent; NaN of fewer than two) and `n_helps`, how many help more than chance and controls explain. Empty
        where all pairs are of one kind.
    """
    pairs = gains[~gains["partners"].str.contains("+", regex=False)] if len(gains) else gains
    if not len(pairs) or "shared_clips" not in pairs:
        return []
    rows = []
    for origin, shared in (("the same clips", True), ("other clips", False)):
        own = pairs[(pairs["shared_clips"] > 0) == shared]
        values = own["gain"].to_numpy(float)
        low, high = math.nan, math.nan
        if len(values) > 1 and np.ptp(values):
            low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        if len(values):
            helps = int(own["verdict"].isin([HELPS, UNCONTROLLED]).sum())
            row = {"origin": origin, "n_pairs": len(values), "gain": float(values.mean()), "low": float(low)}
            rows.append(row | {"high": float(high), "n_helps": helps})
    return rows if len(rows) == 2 else []


def correlate(pairs: pd.DataFrame) -> pd.DataFrame:
    """Correlates every measurement with the gain.

    Args:
        pairs: see `pair_features`.

    Returns:
        `measurement`, `r` (Pearson), `low`, `high` (95 %), `p_value_holm`, `n_pairs` and `pairs_needed`: with how many
        pairs a correlation of this size would be found with 80 % probability (Fisher's z, one test). The pairs of a
        task are not independent, so all of it is a hint. Empty with less than four pairs.
    """
    rows = []
    for name in [column for column in pairs if "." in column]:
        if len(pairs) < 4 or pairs[name].nunique() < 2 or pairs["gain"].nunique() < 2:
            continue
        found = stats.pearsonr(pairs[name].astype(float), pairs["gain"])
        interval = found.confidence_interval()
        r = float(found.statistic)
        needed = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / math.atanh(min(max(abs(r), 1e-3), 0.999))
        row = {"measurement": name, "r": r, "low": interval.low, "high": interval.high, "p_value": found.pvalue}
        rows.append(row | {"n_pairs": len(pairs), "pairs_needed": math.ceil(needed**2) + 3})
    if not rows:
        return pd.DataFrame(columns=["measurement", "r", "low", "high", "p_value_holm", "n_pairs", "pairs_needed"])
    table = pd.DataFrame(rows)
    table["p_value_holm"] = multipletests(table.pop("p_value"), method="holm")[1]
    return table.sort_values("r", key=lambda r: -r.abs(), ignore_index=True)


def predict_gains(pairs: pd.DataFrame) -> Prediction:
    """Predicts the sign of the gain from the measurements, as Bingel and Sogaard (2017) do.

    Args:
        pairs: see `pair_features`.
    """
    count, helps = len(pairs), (pairs["gain"] > 0).to_numpy()
    nothing = [math.nan] * 6
    features = pairs[[name for name in pairs if "." in name]].to_numpy(float)
    if count < FEWEST_PAIRS or helps.all() or not helps.any() or not features.shape[1]:
        return Prediction(count, *nothing)
    folds = list(RepeatedKFold(n_splits=_FOLDS, n_repeats=_RUNS, random_state=0).split(features))
    members = pairs[["main", "partner"]].to_numpy()
    new = [(members == task).any(axis=1) for task in sorted(set(members.ravel()))]
    new_tasks = [(np.flatnonzero(~part), np.flatnonzero(part)) for part in new if (~part).sum() > 2]
    return Prediction(
        count, *_accuracy(features, helps, folds), *_accuracy(features, helps, new_tasks), *_shares(pairs)
    )


def _accuracy(features: np.ndarray, helps: np.ndarray, folds: list) -> tuple[float, float]:
    right, guessed = [], []
    for train, test in folds:
        majority = helps[train].mean() >= 0.5
        guessed.append((helps[test] == majority).mean())
        if helps[train].all() or not helps[train].any():
            right.append(guessed[-1])
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        right.append(model.fit(features[train], helps[train]).score(features[test], helps[test]))
    return (float(np.mean(right)), float(np.mean(guessed))) if folds else (math.nan, math.nan)


def _shares(pairs: pd.DataFrame) -> tuple[float, float]:
    """Fits main and auxiliary task as crossed random effects."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    parts = {"main": "0 + C(main)", "partner": "0 + C(partner)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of variances at the edge, which are shares of 0
        try:
            points = pairs[["main", "partner"]].assign(gain=100 * pairs["gain"])
            model = MixedLM.from_formula("gain ~ 1", groups=np.ones(len(pairs)), vc_formula=parts, data=points)
            fitted = model.fit()
        except (np.linalg.LinAlgError, ValueError):
            return math.nan, math.nan
    variances = dict(zip(sorted(parts), fitted.vcomp, strict=True))
    whole = sum(variances.values()) + float(fitted.scale)
    return (variances["main"] / whole, variances["partner"] / whole) if whole else (math.nan, math.nan)
