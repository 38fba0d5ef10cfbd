"""Reads what the cells of a study left, and puts it into one table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mtl_tf.config import TaskConfig
from mtl_tf.errors import UserError
from mtl_tf.runs.names import PREDICTIONS
from mtl_tf.runs.read import load_classes
from mtl_tf.study import names as files
from mtl_tf.study.cell import Cell
from mtl_tf.study.evidence import GroupScore, common_classes, read_score
from mtl_tf.tables import parse_number, read_table


def load_result(place: Path) -> dict[str, Any] | None:
    """Reads the result of a cell; None where it has none.

    Args:
        place: folder of the cell.
    """
    try:
        return json.loads((place / files.RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def load_rows(path: Path) -> pd.DataFrame:
    """Reads gains or settings as they were written; numbers that are missing are NaN."""
    words = (
        "task",
        "tasks",
        "partners",
        "model",
        "setting",
        "metric",
        "verdict",
        "left_out",
        "trained_on",
        "tested_on",
    )
    header = read_table(path).columns
    return read_table(path, {name: str for name in words if name in header}, default=parse_number)


def cells_table(
    folder: Path, cells: Sequence[Cell], metrics: dict[str, str], models: Mapping[tuple[str, ...], str]
) -> pd.DataFrame:
    """Lists the cells of a study that ended.

    Args:
        folder: of the study.
        cells: of its plan.
        metrics: main metric of each task.
        models: the name of the network, by setting.

    Returns:
        One row per cell: `cell`, `tasks` (joined by +), `model`, `setting`, `seed`, `fold`, `control`, `permuted`,
        `corpora` (that trained, empty for all), `status` (`completed` or `failed`), `reason`, `run` (folder, from that
        of the study), `TASK.METRIC` (main metrics on test clips) and what it cost: `seconds`, `train_seconds`,
        `parameters`, `epochs`, `updates`, `peak_memory_mb`, `model_mb`, `answer_ms` (to answer a clip, from its samples
        on),
        `embedding_variance` (see `mtl_tf.evaluation.probe`).
    """
    rows = []
    for cell in cells:
        result = load_result(folder / files.CELLS_DIR / cell.name)
        if result is None:
            continue
        scores = result.get("scores", {})
        rows.append(
            {
                "cell": cell.name,
                "tasks": "+".join(cell.tasks),
                "model": models[cell.setting],
                "setting": " ".join(cell.setting),
                "seed": cell.seed,
                "fold": cell.fold,
                "control": cell.control,
                "permuted": "+".join(cell.permuted),
                "corpora": "+".join(cell.corpora),
                "status": result["status"],
                "reason": result.get("reason", ""),
                "run": result.get("run", ""),
                **{
                    f"{task}.{metrics[task]}": scores[task].get(metrics[task])
                    for task in cell.tasks
                    if task in scores and task not in cell.changed
                },
                **{name: value for name, value in result.get("cost", {}).items()},
                "seconds": result.get("seconds"),
            }
        )
    return pd.DataFrame(rows).astype({"fold": "Int64"}) if rows else pd.DataFrame()


@dataclass
class Answers:
    """The scored answers of a study's cells, read when they are asked for.

    Attributes:
        folder: of the study.
        cells: of its plan.
        tasks: of the experiment.
        folds: that were trained.
    """

    folder: Path
    cells: Sequence[Cell]
    tasks: Mapping[str, TaskConfig]
    folds: Sequence[int | None]
    _known: dict[tuple, GroupScore | None] = field(default_factory=dict)

    def of(self, shape: Cell, task: str, corpus: str | None = None) -> GroupScore | None:
        """Gives the answers to one task, of all folds of one training.

        Args:
            shape: the cell of any fold.
            task: one of its tasks.
            corpus: whose test clips; None: all.

        Returns:
            None where a fold is missing or failed, or the corpus has no test clip.

        Raises:
            UserError: a file of a run is damaged.
        """
        key = (replace(shape, fold=None), task, corpus)
        if key not in self._known:
            self._known[key] = self._read(shape, task, corpus)
        return self._known[key]

    def _read(self, shape: Cell, task: str, corpus: str | None) -> GroupScore | None:
        parts, classes = [], []
        for fold in self.folds:
            result = load_result(self.folder / files.CELLS_DIR / replace(shape, fold=fold).name)
            if result is None or result["status"] != "completed":
                return None
            run = self.folder / result["run"]
            classes.append(load_classes(run)[task])
            try:
                table = pd.read_parquet(run / PREDICTIONS, filters=[("task", "==", task)])
            except (OSError, ValueError) as error:
                raise UserError(f"{run / PREDICTIONS} cannot be read: {error}") from error
            parts.append(table if corpus is None else table[table["corpus"] == corpus])
        if not sum(map(len, parts)):
            return None
        asked, answers = self.tasks[task], pd.concat(parts, ignore_index=True)
        if asked.closed_set:  # another choice of people is what the answer must hold for, and not of their clips
            answers["group"] = answers["label"]
        known = common_classes(task, classes, asked.exclusive and not asked.of_frames)
        return read_score(answers, asked.main_metric, known, asked.background)
