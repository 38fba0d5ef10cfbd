"""Learned from one corpus and tested on another: the cross-corpus matrix."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mtl_tf.study.cell import CORPORA
from mtl_tf.study.estimate import LEVEL
from mtl_tf.study.gains import UNSURE, UNSURENESS, compare, with_verdicts
from mtl_tf.study.results import Answers

COLUMNS = (
    "task",
    "model",
    "trained_on",
    "tested_on",
    "metric",
    "score",
    "gain",
    "low",
    "high",
    "p_value",
    "p_value_holm",
    *UNSURENESS,
    "n_pairs",
    "n_groups",
    "verdict",
)


def corpus_matrix(answers: Answers, corpora: dict[str, tuple[str, ...]], same_within: float) -> pd.DataFrame:
    """Scores every choice of training corpora on the test clips of each corpus.

    Args:
        answers: of the study.
        corpora: task to the corpora that carry it.
        same_within: half the width of the region of practical equivalence.

    Returns:
        One row per task, model, training corpora (joined by +) and tested corpus, with `COLUMNS`: `score` is the mean
        over seeds, `gain` what it has more than training on the tested corpus itself, with its 95 % interval over
        speakers and seeds, `p_value_holm` and `verdict`, corrected for all rows; NaN for that training itself, and
        where there is none.

    Raises:
        UserError: a file of a run is damaged.
    """
    shapes = {
        replace(cell, seed=0, fold=None): None for cell in answers.cells if cell.control == CORPORA and cell.corpora
    }
    seeds = sorted({cell.seed for cell in answers.cells})
    rows = []
    for shape in shapes:
        (task,) = shape.tasks
        for tested in corpora[task]:
            own = replace(shape, corpora=(tested,))
            here = {seed: answers.of(replace(shape, seed=seed), task, tested) for seed in seeds}
            there = {seed: answers.of(replace(own, seed=seed), task, tested) for seed in seeds}
            done = [seed for seed in seeds if here[seed] is not None]
            both = [seed for seed in done if there[seed] is not None and shape != own]
            if not done:
                continue
            row = {
                "task": task,
                "model": " ".join(shape.setting),
                "trained_on": "+".join(shape.corpora),
                "tested_on": tested,
                "metric": answers.tasks[task].main_metric,
                "score": float(np.mean([here[seed].whole() for seed in done])),
                "n_pairs": len(done) * len(answers.folds),
                "n_groups": len(here[done[0]].groups),
                "verdict": "",
            }
            row |= dict.fromkeys(("gain", "low", "high", "p_value", *UNSURENESS), np.nan)
            if both and here[both[0]].clips == there[both[0]].clips:  # a network may lack classes, and with them clips
                found = compare([here[seed] for seed in both], [there[seed] for seed in both], same_within)
                row |= {name: getattr(found, name) for name in ("gain", "low", "high", "p_value", *UNSURENESS)}
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return with_verdicts(table, _verdict)


def _verdict(row: dict) -> str:
    sure = row["p_value_holm"] < 1 - LEVEL
    return UNSURE if not sure else "better" if row["gain"] > 0 else "worse"


def matrices(table: pd.DataFrame, corpora: dict[str, tuple[str, ...]]) -> list[dict]:
    """Arranges the scores as a matrix for each task and model, training corpora down and tested corpora across.

    Args:
        table: see `corpus_matrix`.
        corpora: task to the corpora that carry it.

    Returns:
        `title`, `columns` and `rows`: (trained on, cells), each a row of the table or None.
    """
    found = []
    for (task, model), rows in table.groupby(["task", "model"], sort=False):
        known = rows.astype(object).where(rows.notna(), None).to_dict("records")
        cells = {(row["trained_on"], row["tested_on"]): row for row in known}
        body = [
            (_words(trained, corpora[task]), [cells.get((trained, tested)) for tested in corpora[task]])
            for trained in dict.fromkeys(rows["trained_on"])
        ]
        found.append({"title": f"{task}, {model}" if model else task, "columns": corpora[task], "rows": body})
    return found


def _words(trained: str, corpora: tuple[str, ...]) -> str:
    names = trained.split("+")
    if len(names) == len(corpora):
        return "all corpora"
    missing = [name for name in corpora if name not in names]
    return f"all but {missing[0]}" if len(missing) == 1 and len(names) > 1 else ", ".join(names)
