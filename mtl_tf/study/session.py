"""The folder of a study: found again after a kill, locked while in use."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from mtl_tf.compose import compose, validate
from mtl_tf.config import RunConfig, StudyConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.lock import locked
from mtl_tf.runs.folder import NOT_COMPARED, new_folder
from mtl_tf.study import names as files
from mtl_tf.study.cell import Cell

# Of which there may be more later, and where cells are trained, which is no other question.
_ADDED = {"seeds", "workers", "executor", "slurm", "same_within"}
_ADVICE = "give resume=false for a study of its own"


@dataclass(frozen=True)
class Study:
    """A study in its folder.

    Attributes:
        folder: `studies/EXPERIMENT/TIME`.
        typed: its arguments as typed.
        config: of a run with all tasks.
        settings: arguments that cells differ in, to the configuration of a run with all tasks.
        takes_over: whether finished cells of other studies over the same runs are taken over.
    """

    folder: Path
    typed: tuple[str, ...]
    config: RunConfig
    settings: dict[tuple[str, ...], RunConfig]
    takes_over: bool = True

    @property
    def metrics(self) -> dict[str, str]:
        """Main metric of each task."""
        return {name: task.main_metric for name, task in self.config.tasks.items()}

    def place(self, cell: Cell) -> Path:
        """Returns the folder of a cell."""
        return self.folder / files.CELLS_DIR / cell.name

    def others(self) -> list[Path]:
        """Lists the folders of other studies of the experiment on the same clips and parts, the latest first."""
        own = (self.folder / files.DATA).read_text(encoding="utf-8")
        found = sorted(self.folder.parent.glob(f"*/{files.DATA}"), reverse=True) if self.takes_over else []
        return [path.parent for path in found if path.parent != self.folder and path.read_text("utf-8") == own]


@contextmanager
def open_study(
    arguments: Sequence[str],
    settings: Sequence[tuple[str, ...]],
    parent: Path,
    resume: bool = True,
    typed: Sequence[str] = (),
) -> Iterator[Study]:
    """Opens the folder a study writes to.

    That is the latest one below `parent/EXPERIMENT` that asks the same of the same runs, with no more seeds, if
    `resume` is set. Else it is a new one, named after the time. Cells of other studies over the same runs are copied,
    unless `resume` is not set.

    Args:
        arguments: of every run.
        settings: what cells differ in beside tasks, seed and fold; `[()]`: nothing.
        parent: folder of all studies.
        resume: whether to carry on.
        typed: the arguments as typed, for who reads of the study.

    Yields:
        The study, locked against other processes.

    Raises:
        UserError: a mistake in the configuration; another process is at work on the study.
    """
    config = compose([*arguments, *settings[0]])
    configs = {setting: compose([*arguments, *setting], note=lambda _: None) for setting in settings}
    base = compose(arguments, note=lambda _: None) if any(settings) else config
    # Which keys are compared, so that a study of settings is not one of gains; their values may be added to.
    wanted = _identity(base) | {"compared": sorted({text.partition("=")[0] for one in settings for text in one})}
    place = parent / config.experiment
    plans = sorted(place.glob(f"*/{files.PLAN}"), reverse=True)
    found = (path.parent for path in plans if _is_same(path, wanted, config.study))
    folder = next(found, None) if resume else None
    carried_on = folder is not None
    if folder is None:
        try:
            folder = new_folder(place)
        except OSError as error:
            raise UserError(f"study_dir={parent}: {error.strerror}; give a folder that can be written to") from error
    with locked(folder / files.LOCK, _ADVICE):
        if carried_on:
            print(f"carrying on {folder}", file=sys.stderr)
        study = Study(folder, tuple(typed), config, configs, resume)
        _write(study, wanted)
        try:
            yield study
        except UserError:
            if not carried_on and not (folder / files.CELLS_DIR).is_dir():
                shutil.rmtree(folder)  # nothing was trained, and the next folder should not be this one
            raise


def _identity(config: RunConfig) -> dict:
    return config.model_dump(mode="json", exclude=NOT_COMPARED)


def _question(study: StudyConfig) -> dict:
    return study.model_dump(mode="json", exclude=_ADDED)


def _write(study: Study, identity: dict) -> None:
    values = {
        "study": study.config.study.model_dump(mode="json"),
        "settings": [list(setting) for setting in study.settings],
        "typed": list(study.typed),
        "config": identity,
    }
    write_whole(study.folder / files.PLAN, yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode())


def _is_same(path: Path, wanted: dict, study: StudyConfig) -> bool:
    try:
        plan = yaml.safe_load(path.read_text(encoding="utf-8"))
        found, asked = dict(plan["config"]), StudyConfig.model_validate(plan["study"])
        compared = found.pop("compared")
        # By the schema, as a key that is new since then has its default.
        same_runs = _identity(validate(found)) | {"compared": compared} == wanted
        return same_runs and asked.seeds <= study.seeds and _question(asked) == _question(study)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, UserError):
        return False
