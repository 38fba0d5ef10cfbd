"""Writes the tables and the report of a study."""

from collections.abc import Sequence

from mtl_tf.errors import UserError
from mtl_tf.study import names as files
from mtl_tf.study.cell import Cell
from mtl_tf.study.gains import find_gains
from mtl_tf.study.results import Answers, cells_table
from mtl_tf.study.session import Study
from mtl_tf.study.settings import compare_settings
from mtl_tf.tables import write_table


def write_study(
    study: Study, cells: Sequence[Cell], folds: Sequence[int | None], train_share: dict[str, float]
) -> None:
    """Writes the tables and the report of a study, from the results of its cells.

    Args:
        study: in its folder.
        cells: of its plan.
        folds: that were trained.
        train_share: test clips over training clips of a fold, of each task.

    Raises:
        UserError: no cell was completed, or cells were scored on different clips.
    """
    table = cells_table(study.folder, cells, study.metrics)
    if not len(table) or not (table["status"] == "completed").any():
        raise UserError(f"no cell of {study.folder} was completed; its logs are in {study.folder / files.LOGS}")
    write_table(table, study.folder / files.CELLS)
    answers = Answers(study.folder, cells, study.metrics, folds)
    same_within = study.config.study.same_within
    write_table(find_gains(answers, same_within, train_share), study.folder / files.GAINS)
    if len(study.settings) > 1:
        write_table(compare_settings(answers, same_within), study.folder / files.SETTINGS)
