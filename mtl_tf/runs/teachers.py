"""Finds the networks whose answers a run learns beside the labels."""

from pathlib import Path

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData, RunData
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.errors import UserError
from mtl_tf.runs import names
from mtl_tf.runs.read import find_models, load_classes, load_config, load_division, part_folders


def find_teachers(config: RunConfig, data: RunData, fold: FoldData, number: int) -> list[Path]:
    """Finds the networks that `training.teachers` names, for one fold.

    Of a run with folds it is the network of the same fold, a run of another fold alone is passed over, and of a run
    with repeats all teach.

    Args:
        config: of the run.
        data: its clips.
        fold: their division.
        number: of the fold.

    Returns:
        Their folders.

    Raises:
        UserError: there is no such run, it has not finished, its classes are others, it shares no task, it was trained
            on clips that test here, none is of this fold, or the model is no network.
    """
    runs = config.training.teachers
    if not runs:
        return []
    if config.model.name == "svm":
        raise UserError("training.teachers is for networks, and model=svm is none; leave one away")
    rows = data.manifest.iloc[fold.positions(TEST)]
    tested = data.manifest[data.manifest["recording"].isin(rows["recording"])]  # in other encodings, too
    found = [part for run in runs for part in _parts(Path(run), number)]
    if not found:
        raise UserError(f"training.teachers: no run of {', '.join(runs)} is of fold {number}; give one")
    for part in found:
        _check(part, fold, set(tested["clip_id"]), set(tested["audio_sha1"].dropna()))
    return found


def _parts(run: Path, number: int) -> list[Path]:
    config, parts = load_config(run), part_folders(run)
    if parts[0].parent.name == names.PARTS[0]:
        return [part for part in parts if int(part.name) == number]
    return parts if config.fold in (None, number) else []


def _check(folder: Path, fold: FoldData, clips: set[str], sounds: set[str]) -> None:
    find_models(folder)
    classes = load_classes(folder)
    shared = [name for name in fold.tasks if name in classes]
    if not shared:
        raise UserError(f"training.teachers: {folder} answers {', '.join(classes)}, and none of this run's tasks")
    for name in shared:
        if tuple(classes[name]) != tuple(fold.tasks[name].classes):
            raise UserError(f"training.teachers: {folder} knows other classes of {name}; give a run with the same")
    division = load_division(folder)
    heard = division[division["split"].isin([TRAIN, VALIDATION])]
    both = heard.index.isin(clips) | heard["audio_sha1"].isin(sounds)
    if both.any():
        raise UserError(
            f"training.teachers: {folder} has heard {both.sum()} of the clips that test here, which is unfair; give a "
            "run with the same division"
        )
