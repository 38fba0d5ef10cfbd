"""What a further task adds to tasks that are learned together already."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mtl_tf.study.cell import Cell
from mtl_tf.study.gains import SAME, UNSURE, UNSURENESS, compare, with_verdicts
from mtl_tf.study.results import Answers

BETTER, WORSE = "better with it", "worse with it"
COLUMNS = ("task", "partners", "added", "model", "before", "after", "gain", "low", "high", "p_same", "p_value")


def added_gains(answers: Answers, same_within: float) -> pd.DataFrame:
    """Compares sets of three tasks or more with the same sets without one of them, where both were trained.

    Args:
        answers: of the study.
        same_within: half the width of the region of practical equivalence.

    Returns:
        One row per task, its partners and the task that is `added` to these: scores `before` and `after`, and the
        difference, as in `find_gains`; `p_value_holm` over all rows.
    """
    shapes = {(cell.setting, cell.tasks) for cell in answers.cells if not cell.control and not cell.left_out}
    seeds = sorted({cell.seed for cell in answers.cells})
    rows = []
    for setting, tasks in sorted(shapes):
        for added in tasks if len(tasks) > 2 else ():
            fewer = tuple(name for name in tasks if name != added)
            for task in fewer if (setting, fewer) in shapes else ():
                after, before = (
                    [answers.of(replace(Cell(names, 0, setting=setting), seed=seed), task) for seed in seeds]
                    for names in (tasks, fewer)
                )
                both = [pair for pair in zip(after, before, strict=True) if None not in pair]
                if not both:
                    continue
                found = compare(*map(list, zip(*both, strict=True)), same_within)
                row = {
                    "task": task,
                    "partners": "+".join(name for name in fewer if name != task),
                    "added": added,
                    "model": " ".join(setting),
                    "before": float(np.mean([score.whole() for _, score in both])),
                    "after": float(np.mean([score.whole() for score, _ in both])),
                    "n_pairs": len(both) * len(answers.folds),
                    "n_groups": found.n_groups,
                }
                names = ("gain", "low", "high", "p_same", "p_value", *UNSURENESS)
                rows.append(row | {name: getattr(found, name) for name in names})
    columns = [*COLUMNS, *UNSURENESS, "n_pairs", "n_groups"]
    table = pd.DataFrame(rows, columns=columns).assign(p_value_holm=np.nan, verdict="")
    return with_verdicts(table, _verdict)


def _verdict(row: dict) -> str:
    if row["p_value_holm"] < 0.05:
        return BETTER if row["gain"] > 0 else WORSE
    return SAME if row["p_same"] >= 0.95 else UNSURE
