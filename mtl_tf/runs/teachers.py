"""Finds the networks whose answers a run learns beside the labels."""

from pathlib import Path

import keras
import pandas as pd

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData, RunData
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.errors import UserError
from mtl_tf.runs import names
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import load_classes, part_folders


def load_teachers(config: RunConfig, data: RunData, fold: FoldData, number: int) -> dict[str, keras.Model]:
    """Loads the networks that `training.teachers` names, for one fold.

    Of a run with folds it is the network of the same fold; of one with repeats, all of them.

    Args:
        config: of the run.
        data: its clips.
        fold: their division.
        number: of the fold.

    Returns:
        Folder to model.

    Raises:
        UserError: there is no such run, it has not finished, its classes are others, it shares no task, or it was
            trained on clips that test here.
    """
    tested = set(data.manifest.loc[fold.positions(TEST), "audio_sha1"].dropna())
    return {
        str(folder): _load(folder, fold, tested) for run in config.training.teachers for folder in _parts(run, number)
    }


def _parts(run: str, number: int) -> list[Path]:
    parts = part_folders(Path(run))
    if parts[0].parent.name != names.PARTS[0]:
        return parts
    same = [part for part in parts if int(part.name) == number]
    if not same:
        raise UserError(f"training.teachers: {run} has no fold {number}; give a run with the same folds")
    return same


def _load(folder: Path, fold: FoldData, tested: set[str]) -> keras.Model:
    model, classes = load_model(folder), load_classes(folder)
    shared = [name for name in fold.tasks if name in classes]
    if not shared:
        raise UserError(f"training.teachers: {folder} answers {', '.join(classes)}, and none of this run's tasks")
    for name in shared:
        if tuple(classes[name]) != tuple(fold.tasks[name].classes):
            raise UserError(f"training.teachers: {folder} knows other classes of {name}; give a run with the same")
    split = pd.read_parquet(folder / names.SPLITS)
    heard = split["split"].isin([TRAIN, VALIDATION])
    both = tested & set(split.loc[heard, "audio_sha1"])
    if both:
        raise UserError(
            f"training.teachers: {folder} has heard {len(both)} of the clips that test here, which is "
            "unfair; give a run with the same division"
        )
    return model
