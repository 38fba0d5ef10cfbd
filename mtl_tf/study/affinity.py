"""How tasks got along in one joint training, and which grouping of them into networks is best."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mtl_tf.study.tables import first_setting, mean_history, plain_cells
from mtl_tf.training.affinity import AFFINITY, COSINE

MOST_TASKS = 9  # of which all groupings are tried: 21,147
COLUMNS = ("task", "partner", "affinity", "cosine", "gain")


def affinities(folder: Path, table: pd.DataFrame, tasks: Sequence[str], gains: pd.DataFrame) -> pd.DataFrame:
    """Reads how much a step of each partner helped each task, from the trainings of all tasks together.

    Args:
        folder: of the study.
        table: of its cells.
        tasks: of the study.
        gains: see `find_gains`.

    Returns:
        One row per task and partner, with `COLUMNS`: `affinity` of the partner to the task and `cosine` of their
        gradients, means over epochs, seeds and folds; `gain` that was measured for the pair, NaN where it was not.
        Empty where nothing was measured.
    """
    plain = plain_cells(first_setting(table))
    history = mean_history(folder, plain[plain["tasks"] == "+".join(tasks)])
    rows = []
    measured = {(row.task, row.partners): row.gain for row in gains[::-1].itertuples()}  # of the first setting
    for task in tasks if history is not None else ():
        for partner in tasks:
            name = f"{AFFINITY}_{partner}_{task}"
            if task == partner or name not in history:
                continue
            cosine = next(
                name for name in (f"{COSINE}_{task}_{partner}", f"{COSINE}_{partner}_{task}") if name in history
            )
            values = (history[name].mean(), history[cosine].mean(), measured.get((task, partner), np.nan))
            rows.append((task, partner, *map(float, values)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def rank_correlation(table: pd.DataFrame, column: str) -> tuple[float, float, int]:
    """Correlates affinity or cosine with the measured gain, by ranks (Spearman).

    Args:
        table: see `affinities`.
        column: `affinity` or `cosine`.

    Returns:
        The correlation, its p-value and the number of pairs; NaN with less than four.
    """
    pairs = table.dropna(subset=[column, "gain"])
    if len(pairs) < 4 or pairs[column].nunique() < 2 or pairs["gain"].nunique() < 2:
        return np.nan, np.nan, len(pairs)
    found = stats.spearmanr(pairs[column], pairs["gain"])
    return float(found.statistic), float(found.pvalue), len(pairs)


def groupings(tasks: Sequence[str], most: int) -> list[tuple[tuple[str, ...], ...]]:
    """Lists all ways to divide tasks among at most so many networks.

    >>> len(groupings(["a", "b", "c"], 3)), len(groupings(["a", "b", "c"], 2))
    (5, 4)
    """
    if not tasks:
        return [()]
    first, rest = tasks[0], list(tasks[1:])
    found = []
    for size in range(len(rest) + 1):
        for others in combinations(rest, size):
            left = [name for name in rest if name not in others]
            found += [((first, *others), *more) for more in groupings(left, most - 1)] if most else []
    return [grouping for grouping in found if len(grouping) <= most]


def best_groupings(tasks: Sequence[str], table: pd.DataFrame) -> list[dict[str, object]]:
    """Finds the best division of the tasks among 1, 2, ... networks, by measured gains and by affinity.

    What a task has in a group is the mean over its partners there, as Fifty et al. 2021 estimate groups of more than
    two; alone it gains nothing.

    Args:
        tasks: of the study.
        table: see `affinities`, with a gain for every pair.

    Returns:
        For each number of networks: `networks`, `measured` and `by_affinity` (groups as text), `gain` of the first and
        `affinity_gain` of the second (mean over the tasks of the measured gains), `regret` (their difference). Empty
        where a pair was not measured, or with more than nine tasks.
    """
    if len(tasks) > MOST_TASKS or len(table.dropna()) < len(tasks) * (len(tasks) - 1):
        return []
    gain, affinity = (
        {(row.task, row.partner): getattr(row, name) for row in table.itertuples()} for name in ("gain", "affinity")
    )
    found = []
    for networks in range(1, len(tasks)):
        ways = [way for way in groupings(list(tasks), networks) if len(way) <= networks]
        measured = max(ways, key=lambda way: _value(way, gain))
        chosen = max(ways, key=lambda way: _value(way, affinity))
        best, other = _value(measured, gain), _value(chosen, gain)
        row = {"networks": networks, "measured": _words(measured), "by_affinity": _words(chosen)}
        found.append(row | {"gain": best, "affinity_gain": other, "regret": best - other})
    return found


def _value(way: Sequence[Sequence[str]], table: Mapping[tuple[str, str], float]) -> float:
    values = [
        np.mean([table[task, other] for other in group if other != task]) if len(group) > 1 else 0.0
        for group in way
        for task in group
    ]
    return float(np.mean(values))


def _words(way: Sequence[Sequence[str]]) -> str:
    return " | ".join(", ".join(group) for group in way)
