"""A study from its command line to its report: what `scripts/compare.py` does."""

import hashlib
import math
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf import compose
from mtl_tf.config import RunConfig, SplitConfig
from mtl_tf.data.assemble import divide
from mtl_tf.data.manifest import TEST, TRAIN
from mtl_tf.errors import UserError
from mtl_tf.files import write_json, write_whole
from mtl_tf.progress import progress_bar, say
from mtl_tf.runs.walk import Prepared, prepare
from mtl_tf.study import names as files
from mtl_tf.study.arguments import read_study
from mtl_tf.study.cell import Cell
from mtl_tf.study.gains import deciding_cells
from mtl_tf.study.plan import plan_cells
from mtl_tf.study.results import Answers, load_result
from mtl_tf.study.session import Study, open_study
from mtl_tf.study.slurm import SlurmWorkers, cancel_left
from mtl_tf.study.workers import Workers
from mtl_tf.study.write import write_study

FAILURES = 3
Steps = dict[tuple[tuple[str, ...], int | None], int | None]  # batches of an epoch, by setting and fold
_NO_MATTER = {"runs_dir", "study", "quiet", "resume", "report_audio"}


def compare(arguments: Sequence[str]) -> Path:
    """Carries out a study, or carries on one that was interrupted.

    Args:
        arguments: see `read_study`.

    Returns:
        The folder of the study, with the files that `mtl_tf.study.names` names.

    Raises:
        UserError: a mistake in the arguments or the data; all cells fail; or the data changed while the study ran.
    """
    given = read_study(arguments)
    first = compose.compose([*given.runs, *given.settings[0]])
    plan_cells(first, [None], given.settings)  # says what is wrong with the sets before there is a folder
    with open_study(given.runs, given.settings, given.parent, given.resume, arguments) as study:
        _check_settings(study)
        with _workers(study) as workers:
            ready = prepare(study.config.model_copy(update={"repeats": 1}))
            _check_data(study, ready)
            _check_tested(study, ready)
            folds = _folds(study.config, ready)
            cells = plan_cells(study.config, folds, list(study.settings))
            steps = _steps(study, ready)
            _check_overlaps(study, ready)
            if study.config.study.controlled == "gains":
                _carry_out(study, [cell for cell in cells if not cell.permuted], steps, workers)
                known = Answers(study.folder, cells, study.config.tasks, folds)
                cells = deciding_cells(known, study.config.study.same_within)
                left = [cell for cell in cells if cell.permuted]
            else:
                left = cells
            if left:
                _carry_out(study, left, steps, workers)
        write_study(study, cells, folds, ready)
    return study.folder


def _workers(study: Study) -> Workers | SlurmWorkers:
    asked = study.config.study
    cancel_left(study.folder)
    if asked.executor == "slurm":
        return SlurmWorkers(asked.workers, study.folder, asked.slurm)
    return Workers(asked.workers, study.folder / files.LOGS)


def _check_settings(study: Study) -> None:
    """Refuses what would give cells that do not compare.

    Raises:
        UserError: `only_tasks` or `training.teachers` is set, or settings differ in corpora, tasks or their division
            but for what of it is of validation.
    """
    if study.config.only_tasks:
        raise UserError("only_tasks is set by a study itself; give tasks=[...] to choose what it compares")
    if any(config.training.teachers for config in (study.config, *study.settings.values())):
        raise UserError(
            "training.teachers teaches every cell the true labels, those of the controls too; leave it away here"
        )
    parts = {"corpora", "tasks", "split", "fold", "repeats", "audit", "data_root", "prepared_dir"}
    of_validation = {"split": {name for name in SplitConfig.model_fields if name.startswith("validation_")}}
    first = study.config.model_dump(include=parts, exclude=of_validation)
    for setting, config in study.settings.items():
        if config.model_dump(include=parts, exclude=of_validation) != first:
            raise _other_clips(setting)


def _check_tested(study: Study, ready: Prepared) -> None:
    """Refuses settings whose way of validating changes which clips are tested.

    Raises:
        UserError: they do.
    """
    for setting, config in study.settings.items():
        if config.split != study.config.split:
            for number, division in zip(ready.numbers, ready.divisions, strict=True):
                other = divide(ready.data, config, number)
                if not np.array_equal(other.positions(TEST), division.positions(TEST)):
                    raise _other_clips(setting)


def _other_clips(setting: tuple[str, ...]) -> UserError:
    return UserError(
        f"{' '.join(setting)}: what is compared must be tested on the same clips; give one value of the keys of "
        "corpora, tasks and their division"
    )


def _check_data(study: Study, ready: Prepared) -> None:
    """Notes which clips, labels and parts a study has, and holds a later start to it.

    Raises:
        UserError: they are others now.
    """
    digest = hashlib.sha256()
    for division in ready.divisions:
        table = pd.concat([ready.data.manifest[["clip_id", "audio_sha1"]], division.division, division.names], axis=1)
        digest.update(table.sort_values("clip_id").astype(str).to_csv(index=False).encode())
    path = study.folder / files.DATA
    if path.is_file() and path.read_text(encoding="utf-8") != digest.hexdigest():
        raise UserError(
            f"clips, labels or the division are no longer those that {study.folder} began with; bring them back, or "
            "give resume=false for a new study"
        )
    write_whole(path, digest.hexdigest().encode())


def _check_overlaps(study: Study, ready: Prepared) -> None:
    """Refuses to leave out what is not there.

    Raises:
        UserError: no training clip of a partner is of a class to leave out.
    """
    division = ready.divisions[0]
    for task, partners in study.config.study.overlaps.items():
        for partner, classes in partners.items():
            there = set(division.names[partner][division.positions(TRAIN)].dropna())
            missing = [name for name in classes if name not in there]
            if missing:
                raise UserError(
                    f"study.overlaps.{task}.{partner}: no training clip is of the class {missing[0]}; the classes are "
                    f"{', '.join(sorted(there))}"
                )


def _folds(config: RunConfig, ready: Prepared) -> list[int | None]:
    if len(ready.numbers) == 1 and config.fold is None:
        if config.study.folds not in ([], [0]):
            raise UserError(
                f"folds={config.study.folds}: {config.experiment} has one division and no folds; leave it out"
            )
        return [None]
    unknown = [fold for fold in config.study.folds if fold not in ready.numbers]
    if unknown:
        raise UserError(f"folds={unknown}: the folds of {config.experiment} are {', '.join(map(str, ready.numbers))}")
    return [fold for fold in ready.numbers if fold in (config.study.folds or ready.numbers)]


def _steps(study: Study, ready: Prepared) -> Steps:
    """Finds how many batches an epoch has, by setting and fold; None: as the cell's own clips make it."""
    budget, steps = study.config.study.budget, {}
    single = len(ready.numbers) == 1 and study.config.fold is None
    for setting, config in study.settings.items():
        for number, division in zip(ready.numbers, ready.divisions, strict=True):
            fold = None if single else number
            size = (study.config if budget == "updates" else config).pipeline.batch_size
            # Steps go into whole executions, since TensorFlow would take fewer at once otherwise.
            together = study.config.training.steps_per_execution if budget == "updates" else 1
            count = math.ceil(len(division.positions(TRAIN)) / size / together) * together
            steps[setting, fold] = None if budget == "epochs" or config.training.steps_per_epoch else count
    return steps


def _carry_out(study: Study, cells: Sequence[Cell], steps: Steps, workers: Workers | SlurmWorkers) -> None:
    """Trains the cells that have no result yet; one that fails is tried once more, and then noted.

    Raises:
        UserError: the first cells all failed.
    """
    configs = {
        cell: cell.config(study.settings[cell.setting], str(study.place(cell)), steps[cell.setting, cell.fold])
        for cell in cells
    }
    others = study.others()
    waiting = {
        study.place(cell): cell
        for cell in cells
        if not _is_done(study.place(cell), configs[cell]) and not _taken_over(study, others, cell, configs[cell])
    }
    done = len(cells) - len(waiting)
    runs = f"{len(cells)} cells" + (f", {done} of which are there" if done else "")
    quiet = study.config.quiet
    say(f"{study.config.experiment}: {runs}; {study.config.study.workers} at a time", quiet)
    for place, cell in waiting.items():
        place.mkdir(parents=True, exist_ok=True)
        (place / files.RESULT).unlink(missing_ok=True)
        compose.save(configs[cell], place / files.CELL)
    start, succeeded, reasons = time.monotonic(), 0, {}
    with progress_bar("cells", len(cells), quiet) as update:
        for attempt in (1, 2):
            for place, reason in workers.carry_out([place for place in waiting if attempt == 1 or place in reasons]):
                cell = waiting[place]
                if reason and attempt == 1:
                    reasons[place] = reason
                    say(f"{_words(cell)}: failed, and will be tried once more: {reason}")
                    if len(reasons) >= FAILURES and not succeeded and not done:
                        raise UserError(f"the first {FAILURES} cells failed, the last with: {reason}")
                    continue
                if reason:
                    write_json({"status": "failed", "reason": reason}, place / files.RESULT)
                    say(f"{_words(cell)}: failed again, and is left out: {reason}")
                    continue
                succeeded += 1
                update(done + succeeded)
                left = (len(waiting) - succeeded) * (time.monotonic() - start) / succeeded
                say(f"{done + succeeded} of {len(cells)}: {_words(cell)}: {_scores(study, cell)}{_left(left)}", quiet)


def _taken_over(study: Study, others: Sequence[Path], cell: Cell, config: RunConfig) -> bool:
    """Copies a cell from another study where it was completed as it would be trained now."""
    place = study.place(cell)
    for other in others:
        found = other / files.CELLS_DIR / cell.name
        if _is_done(found, config):
            shutil.rmtree(place, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=place.parent if place.parent.is_dir() else study.folder) as staged:
                shutil.copytree(found, Path(staged) / cell.name)
                place.parent.mkdir(exist_ok=True)
                (Path(staged) / cell.name).replace(place)
            return True
    return False


def _is_done(place: Path, config: RunConfig) -> bool:
    """Says whether a cell was completed as it would be trained now."""
    result = load_result(place)
    if result is None or result["status"] != "completed":
        return False
    try:
        known = compose.load(place / files.CELL)
    except UserError:
        return False
    return known.model_dump(exclude=_NO_MATTER) == config.model_dump(exclude=_NO_MATTER)


def _words(cell: Cell) -> str:
    control = f", labels of {' and '.join(cell.permuted)} shuffled" if cell.permuted else ""
    control += ", another seed" if cell.noise else ""
    control += "".join(f", without {' and '.join(classes)} of {task}" for task, classes in cell.left_out)
    control += f", learned from {' and '.join(cell.corpora)}" if cell.corpora else ""
    setting = f" with {' '.join(cell.setting)}" if cell.setting else ""
    fold = "" if cell.fold is None else f" fold {cell.fold}"
    return f"{' + '.join(cell.tasks)}{setting}{control}, seed {cell.seed}{fold}"


def _scores(study: Study, cell: Cell) -> str:
    result = load_result(study.place(cell)) or {}
    words = []
    for task in cell.tasks:
        value = result.get("scores", {}).get(task, {}).get(study.metrics[task])
        if value is not None and task not in cell.changed:
            words.append(f"{task} {100 * value:.1f}")
    return f"{', '.join(words)}; {result.get('seconds', 0):.0f} s"


def _left(seconds: float) -> str:
    if seconds <= 0:
        return ""
    return f"; {seconds / 60:.0f} min left" if seconds > 90 else f"; {seconds:.0f} s left"
