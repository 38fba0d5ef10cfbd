"""Compares settings, such as models or learning rates, on the same tasks, seeds and clips."""

import numpy as np
import pandas as pd

from mtl_tf.study.cell import Cell
from mtl_tf.study.estimate import LEVEL
from mtl_tf.study.gains import SAME, UNSURE, UNSURENESS, compare, with_verdicts
from mtl_tf.study.results import Answers

BETTER, WORSE = "better", "worse"
COLUMNS = (
    "task",
    "tasks",
    "setting",
    "metric",
    "score",
    "gain",
    "low",
    "high",
    "p_better",
    "p_same",
    "p_worse",
    "p_value",
    "p_value_holm",
    *UNSURENESS,
    "n_pairs",
    "n_groups",
    "verdict",
)


def compare_settings(answers: Answers, same_within: float) -> pd.DataFrame:
    """Compares every setting with the first one.

    Args:
        answers: of the study.
        same_within: half the width of the region of practical equivalence.

    Returns:
        One row per set of tasks, task and setting, with `COLUMNS`; the first setting has a `score` and no gain.

    Raises:
        UserError: two cells were scored on different clips.
    """
    plain = [cell for cell in answers.cells if not cell.control]
    settings = list(dict.fromkeys(cell.setting for cell in plain))
    seeds = sorted({cell.seed for cell in plain})
    rows = []
    for tasks in dict.fromkeys(cell.tasks for cell in plain):
        for task in tasks:
            scores = {
                setting: {seed: answers.of(Cell(tasks, seed, setting=setting), task) for seed in seeds}
                for setting in settings
            }
            for setting in settings:
                both = [seed for seed in seeds if scores[setting][seed] and scores[settings[0]][seed]]
                if not both:
                    continue
                own = [scores[setting][seed] for seed in both]
                row = {
                    "task": task,
                    "tasks": "+".join(tasks),
                    "setting": " ".join(setting),
                    "metric": answers.tasks[task].main_metric,
                    "score": float(np.mean([value.whole() for value in own])),
                    "n_pairs": len(both) * len(answers.folds),
                }
                if setting != settings[0]:
                    found = compare(own, [scores[settings[0]][seed] for seed in both], same_within)
                    names = ("gain", "low", "high", "p_better", "p_same", "p_worse", "p_value", *UNSURENESS)
                    row |= {name: getattr(found, name) for name in (*names, "n_groups")}
                rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return with_verdicts(table, _verdict)


def _verdict(row: dict) -> str:
    if row["p_value_holm"] < 1 - LEVEL:
        return BETTER if row["gain"] > 0 else WORSE
    return SAME if row["p_same"] >= LEVEL else UNSURE
