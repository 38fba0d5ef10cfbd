"""Writes the tables and the report of a study."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtl_tf.data.assemble import FoldData
from mtl_tf.data.manifest import TEST, TRAIN
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.runs.walk import Prepared
from mtl_tf.study import names as files
from mtl_tf.study.added import added_gains
from mtl_tf.study.affinity import affinities
from mtl_tf.study.cell import Cell
from mtl_tf.study.gains import find_gains
from mtl_tf.study.matrix import corpus_matrix
from mtl_tf.study.plan import corpora_of, study_tasks
from mtl_tf.study.report import write_report
from mtl_tf.study.results import Answers, cells_table
from mtl_tf.study.session import Study
from mtl_tf.study.settings import compare_settings
from mtl_tf.study.tables import measurements
from mtl_tf.study.words import several
from mtl_tf.tables import write_table


def write_study(study: Study, cells: Sequence[Cell], folds: Sequence[int | None], ready: Prepared) -> None:
    """Writes the tables and the report of a study, from the results of its cells.

    Args:
        study: in its folder.
        cells: of its plan.
        folds: that were trained.
        ready: its clips and their division.

    Raises:
        UserError: no cell was completed, or cells were scored on different clips.
    """
    table = cells_table(
        study.folder, cells, study.metrics, {setting: config.model.name for setting, config in study.settings.items()}
    )
    if not len(table) or not (table["status"] == "completed").any():
        raise UserError(f"no cell of {study.folder} was completed; its logs are in {study.folder / files.LOGS}")
    write_table(table, study.folder / files.CELLS)
    answers = Answers(study.folder, cells, study.config.tasks, folds)
    same_within = study.config.study.same_within
    gains = find_gains(answers, same_within, _train_share(ready))
    gains["shared_clips"] = [
        shared_clips(ready.divisions[0], task, partners.split("+"))
        for task, partners in zip(gains["task"], gains["partners"], strict=True)
    ]
    gains["left_out_clips"] = [
        _clips_of(ready.divisions[0], partner, left_out.split("+")) if left_out else 0
        for partner, left_out in zip(gains["partners"], gains["left_out"], strict=True)
    ]
    write_table(gains, study.folder / files.GAINS)
    write_whole(study.folder / files.LATEX, _latex(gains).encode())
    if len(study.settings) > 1:
        write_table(compare_settings(answers, same_within), study.folder / files.SETTINGS)
    corpora = {name: corpora_of(study.config, name) for name in study_tasks(study.config)}
    if study.config.study.corpora:
        write_table(corpus_matrix(answers, corpora, same_within), study.folder / files.CORPORA)
    else:
        (study.folder / files.CORPORA).unlink(missing_ok=True)
    added = added_gains(answers, same_within)
    if len(added):
        write_table(added, study.folder / files.ADDED)
    measured = measurements(study, table, ready)
    write_table(measured, study.folder / files.MEASUREMENTS)
    affinity = affinities(study.folder, table, study_tasks(study.config), gains)
    write_table(affinity, study.folder / files.AFFINITY)
    write_report(study, table, gains, measured, affinity, added, ready.divisions[0])


def shared_clips(division: FoldData, task: str, partners: Sequence[str]) -> float:
    """Returns the share of the training clips of a task that carry a label of a partner, too.

    Args:
        division: of the clips.
        task: whose clips.
        partners: of which any may label them.
    """
    rows = division.positions(TRAIN)
    own = division.weights[task][rows] > 0
    others = np.any([division.weights[name][rows] > 0 for name in partners], axis=0)
    return float((own & others).sum() / max(own.sum(), 1))


def _clips_of(division: FoldData, task: str, classes: Sequence[str]) -> int:
    """Counts the training clips of some classes of a task."""
    return int(division.names[task][division.positions(TRAIN)].isin(classes).sum())


def _train_share(ready: Prepared) -> dict[str, float]:
    """Returns test clips over training clips of each task, of the first fold."""
    division = ready.divisions[0]
    tested, trained = division.num_labels(TEST), division.num_labels(TRAIN)
    return {name: tested[name] / max(trained[name], 1) for name in tested}


def _latex(gains: pd.DataFrame) -> str:
    """Writes the gains as a LaTeX table, in points."""
    rows = pd.DataFrame(
        {
            "task": [f"{row.task} ({row.model})" if row.model else row.task for row in gains.itertuples()],
            "with": gains["partners"].map(several),
            "alone": (100 * gains["alone"]).map("{:.1f}".format),
            "together": (100 * gains["together"]).map("{:.1f}".format),
            "gain": (100 * gains["gain"]).map("{:+.1f}".format),
            "95 % interval": [f"[{100 * row.low:+.1f}, {100 * row.high:+.1f}]" for row in gains.itertuples()],
            "p (Holm)": gains["p_value_holm"].map("{:.3f}".format),
        }
    )
    text = rows.style.hide(axis="index").to_latex(hrules=True, column_format="llrrrrr")
    return text.replace("%", r"\%").replace("_", r"\_")
