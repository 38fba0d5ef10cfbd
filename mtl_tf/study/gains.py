"""What each task gains by each set of partners, beside shuffled labels and another seed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from mtl_tf.errors import UserError
from mtl_tf.study.cell import Cell
from mtl_tf.study.estimate import LEVEL, Estimate, detectable, draw_groups, estimate_gain, folds_p_value
from mtl_tf.study.evidence import GroupScore
from mtl_tf.study.results import Answers

HELPS, HURTS, SAME, UNSURE = "helps", "hurts", "no difference in practice", "cannot be told"
UNCONTROLLED = "gains, control not trained"
NOT_BEYOND = "no more than shuffled labels or another seed do"
UNSURENESS = ("minimum_detectable", "standard_error", "freedom")
COLUMNS = (
    "task",
    "partners",
    "model",
    "metric",
    "alone",
    "together",
    "gain",
    "low",
    "high",
    "p_better",
    "p_same",
    "p_worse",
    "p_value",
    "p_value_holm",
    "p_value_folds",
    "minimum_detectable",
    "standard_error",
    "freedom",
    "effect_size",
    "control_gain",
    "beyond_control_low",
    "beyond_control_high",
    "noise_gain",
    "beyond_noise_low",
    "beyond_noise_high",
    "left_out",
    "left_out_gain",
    "left_out_low",
    "left_out_high",
    "n_pairs",
    "n_groups",
    "verdict",
)


def find_gains(answers: Answers, same_within: float, train_share: dict[str, float] | None = None) -> pd.DataFrame:
    """Compares every task learned with others with the same task learned alone.

    Both are scored on the same clips, seed by seed. Of folds the clips are put together first.

    Args:
        answers: of the study.
        same_within: half the width of the region of practical equivalence.
        train_share: test clips over training clips of a fold, of each task; None: there is one division.

    Returns:
        One row per task, partners and model, with `COLUMNS`. Scores are between 0 and 1. `control_gain` is that of
        shuffled labels of the same partner, `noise_gain` that of another seed, `left_out_gain` that without the clips
        of the partner's classes `left_out`; `beyond_...` is the interval of what the
        gain has more than these. `verdict` says what can be told, see `verdict_of`.

    Raises:
        UserError: two cells were scored on different clips.
    """
    rows = []
    shapes = {(cell.setting, cell.tasks): cell for cell in answers.cells if not cell.control and len(cell.tasks) > 1}
    for (setting, tasks), _ in shapes.items():
        for task in tasks:
            partners = tuple(name for name in tasks if name != task)
            row = _gain(answers, task, partners, setting, same_within, train_share)
            if row is not None:
                rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return with_verdicts(table, verdict_of)


def with_verdicts(table: pd.DataFrame, verdict: Callable[[dict], str]) -> pd.DataFrame:
    """Corrects the p-values of a table for all of its rows (Holm), and says in words what each row tells.

    Args:
        table: with `p_value`, NaN where nothing was tested, and `standard_error` and `freedom`; `p_value_holm`,
            `verdict` and `minimum_detectable`, by the corrected p-values, are set.
        verdict: of a row.
    """
    tested = table["p_value"].notna()
    if tested.any():
        table = table.astype({"verdict": object})
        known = tested & table["standard_error"].notna()
        table.loc[known, "minimum_detectable"] = [
            detectable(row.standard_error, row.freedom, int(tested.sum())) for row in table[known].itertuples()
        ]
        table.loc[tested, "p_value_holm"] = multipletests(table.loc[tested, "p_value"].astype(float), method="holm")[1]
        table.loc[tested, "verdict"] = [verdict(row) for row in table[tested].to_dict("records")]
    return table


def deciding_cells(answers: Answers, same_within: float) -> list[Cell]:
    """Leaves out the cells with shuffled labels beside which no gain stands.

    Args:
        answers: of all cells but those with shuffled labels.
        same_within: half the width of the region of practical equivalence.

    Returns:
        All cells without shuffled labels, and those with them of sets by which the task that kept its labels gains more
        than chance explains.
    """
    plain = [cell for cell in answers.cells if not cell.permuted]
    gains = find_gains(replace(answers, cells=plain), same_within)
    helped = {
        (row.model, frozenset([row.task, *row.partners.split("+")]), row.task)
        for row in gains.itertuples()
        if row.verdict in (HELPS, UNCONTROLLED)
    }

    def decides(cell: Cell) -> bool:
        return any(
            (" ".join(cell.setting), frozenset(cell.tasks), name) in helped
            for name in cell.tasks
            if name not in cell.permuted
        )

    return [cell for cell in answers.cells if not cell.permuted or decides(cell)]


def verdict_of(row: dict) -> str:
    """Says in words what a row of gains tells.

    Args:
        row: with the columns of `find_gains`.
    """
    sure = row["p_value_holm"] < 1 - LEVEL
    if sure and row["gain"] < 0:
        return HURTS
    if sure:
        if any(row[f"beyond_{name}_low"] <= 0 for name in ("control", "noise")):
            return NOT_BEYOND
        # What another seed does is in the interval, so that this control may be missing.
        return UNCONTROLLED if pd.isna(row["beyond_control_low"]) else HELPS
    return SAME if row["p_same"] >= LEVEL else UNSURE


def compare(
    one: Sequence[GroupScore], other: Sequence[GroupScore], same_within: float, of_these: bool = False
) -> Estimate:
    """Estimates how much higher one kind of training scores than another.

    Args:
        one: scores of each training.
        other: those of the trainings to compare with, in the same order.
        same_within: half the width of the region of practical equivalence.
        of_these: see `estimate_gain`.

    Raises:
        UserError: they were scored on different clips.
    """
    for first, second in zip(one, other, strict=True):
        if first.clips != second.clips or first.truth != second.truth:
            clips = set(first.clips) ^ set(second.clips)
            example = f", such as {min(clips)}" if clips else ""
            raise UserError(
                f"they were scored on different clips or labels{example}, so their scores do not compare; in a study "
                "the data changed while it ran: give resume=false for a new one"
            )
    groups = len(one[0].groups)
    times = draw_groups(groups)
    drawn = np.array([a.of_draws(times) - b.of_draws(times) for a, b in zip(one, other, strict=True)])
    gains = np.array([a.whole() - b.whole() for a, b in zip(one, other, strict=True)])
    return estimate_gain(gains, drawn, groups, same_within, of_these)


def _gain(
    answers: Answers,
    task: str,
    partners: tuple[str, ...],
    setting: tuple[str, ...],
    same_within: float,
    train_share: dict[str, float] | None,
) -> dict | None:
    order = next(cell.tasks for cell in answers.cells if set(cell.tasks) == {task, *partners})
    seeds = sorted({cell.seed for cell in answers.cells})
    together = {seed: answers.of(Cell(order, seed, setting=setting), task) for seed in seeds}
    alone = {seed: answers.of(Cell((task,), seed, setting=setting), task) for seed in seeds}
    both = [seed for seed in seeds if together[seed] is not None and alone[seed] is not None]
    if not both:
        return None

    def values(scores: dict[int, GroupScore | None], used: list[int]) -> list[GroupScore]:
        return [scores[seed] for seed in used]

    found = compare(values(together, both), values(alone, both), same_within)
    row = {
        "task": task,
        "partners": "+".join(partners),
        "model": " ".join(setting),
        "metric": answers.tasks[task].main_metric,
        "alone": float(np.mean([alone[seed].whole() for seed in both])),
        "together": float(np.mean([together[seed].whole() for seed in both])),
        "n_pairs": len(both) * len(answers.folds),
        "n_groups": found.n_groups,
        "p_value_folds": np.nan,
    }
    names = ("gain", "low", "high", "p_better", "p_same", "p_worse", "p_value", *UNSURENESS, "effect_size")
    row |= {name: getattr(found, name) for name in names}
    if train_share is not None and len(answers.folds) > 1:
        row["p_value_folds"] = folds_p_value(_of_folds(answers, task, order, setting, both), train_share[task])
    controls = {"noise": Cell((task,), 0, setting=setting, noise=True)}
    controls["control"] = Cell(order, 0, setting=setting, permuted=tuple(name for name in order if name != task))
    for name, shape in controls.items():
        scores = {seed: answers.of(replace(shape, seed=seed), task) for seed in both}
        used = [seed for seed in both if scores[seed] is not None]
        row |= {f"{name}_gain": np.nan, f"beyond_{name}_low": np.nan, f"beyond_{name}_high": np.nan}
        if used:
            row[f"{name}_gain"] = compare(values(scores, used), values(alone, used), same_within).gain
            beyond = compare(values(together, used), values(scores, used), same_within)
            row |= {f"beyond_{name}_low": beyond.low, f"beyond_{name}_high": beyond.high}
    row |= {"left_out": "", "left_out_gain": np.nan, "left_out_low": np.nan, "left_out_high": np.nan}
    shape = _without(answers, order, task, setting)
    scores = {} if shape is None else {seed: answers.of(replace(shape, seed=seed), task) for seed in both}
    used = [seed for seed in scores if scores[seed] is not None]
    if used:
        found = compare(values(scores, used), values(alone, used), same_within)
        row["left_out"] = "+".join(name for _, classes in shape.left_out for name in classes)
        row |= {f"left_out_{name}": getattr(found, name) for name in ("gain", "low", "high")}
    return row


def _without(answers: Answers, order: tuple[str, ...], task: str, setting: tuple[str, ...]) -> Cell | None:
    """Returns the cell in which the partner does not learn what both name; None where there is none."""
    cells = (cell for cell in answers.cells if cell.left_out and cell.tasks == order and cell.setting == setting)
    return next((replace(cell, seed=0, fold=None) for cell in cells if task not in cell.changed), None)


def _of_folds(
    answers: Answers, task: str, order: tuple[str, ...], setting: tuple[str, ...], seeds: list[int]
) -> np.ndarray:
    """Returns the gain in every fold, the mean over the trainings, which test the same clips."""
    gains = []
    for fold in answers.folds:
        own = Answers(answers.folder, answers.cells, answers.tasks, [fold])
        pairs = [[own.of(Cell(tasks, seed, setting=setting), task) for tasks in (order, (task,))] for seed in seeds]
        gains.append(np.mean([together.whole() - alone.whole() for together, alone in pairs]))
    return np.array(gains)
