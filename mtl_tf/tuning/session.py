"""The folder of a tuning session: found again after a kill, locked while in use."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from mtl_tf.compose import compose, validate
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.lock import locked
from mtl_tf.runs.folder import NOT_COMPARED, new_folder
from mtl_tf.tuning import names as files
from mtl_tf.tuning.dimensions import Dimension, read_dimensions
from mtl_tf.tuning.search import SearchConfig, check_objective
from mtl_tf.tuning.space import check_space

_ADVICE = "give resume=false for a search of its own"
BUDGET = {"trials", "minutes", "updates"}
_OF_DATA = {"corpora", "tasks", "split", "audit", "frontend", "pipeline"}
_EVERY_TRIAL = ("repeats=1", "score_test=false", "quiet=true", "report_audio=false")


@dataclass(frozen=True)
class Session:
    """A search in its folder.

    Attributes:
        folder: `tuning/EXPERIMENT/TIME`.
        search: what is searched.
        arguments: of every run, without what a trial adds.
        dimensions: of the space.
        config: of a run without searched values.
    """

    folder: Path
    search: SearchConfig
    arguments: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    config: RunConfig

    @property
    def objective(self) -> dict[str, tuple[str, float]]:
        """Task to metric and weight."""
        return check_objective(self.search, self.config)

    @property
    def same_data(self) -> bool:
        """Whether no searched key changes which clips, labels and parts a run has."""
        return not any(dimension.name.split(".")[0] in _OF_DATA for dimension in self.dimensions)

    def compose(self, *arguments: str) -> RunConfig:
        """Gives the configuration of a run of this session; later arguments win."""
        return compose([*self.arguments, *_EVERY_TRIAL, *arguments], note=lambda _: None)


@contextmanager
def open_session(
    search: SearchConfig,
    arguments: Sequence[str],
    parent: Path,
    resume: bool = True,
    before: Callable[[RunConfig], object] = lambda config: None,
) -> Iterator[Session]:
    """Opens the folder a search writes to.

    That is the latest one below `parent/EXPERIMENT` of the same search over the same runs, whatever its budget was, if
    `resume` is set; else a new one, named after the time.

    Args:
        search: what is searched.
        arguments: of every run.
        parent: folder of all searches.
        resume: whether to carry on.
        before: is given the configuration of the runs before anything is written.

    Yields:
        The session, locked against other processes.

    Raises:
        UserError: a key or value of the space that no run takes; another process is at work on the session; the test
            split has been opened for its winner.
    """
    dimensions = read_dimensions(search.space)
    config = check_space(dimensions, arguments)
    check_objective(search, config)
    if search.tuner == "hyperband" and "training.epochs" in {dimension.name for dimension in dimensions}:
        raise UserError(
            "hyperband divides training.epochs itself; take the key out with ~search.training.epochs, or give "
            "tuner=bayesian, random or grid"
        )
    before(config)
    wanted = _identity(search, config)
    place = parent / config.experiment
    folder = next(
        (path.parent for path in sorted(place.glob(f"*/{files.SESSION}"), reverse=True) if _is_same(path, wanted)), None
    )
    carried_on = folder is not None and resume
    if not carried_on:
        try:
            folder = new_folder(place)
        except OSError as error:
            raise UserError(f"tuning_dir={parent}: {error.strerror}; give a folder that can be written to") from error
    with locked(folder / files.LOCK, _ADVICE):
        if carried_on:
            if (folder / files.OPENED).is_file():
                raise UserError(
                    f"the test split of {folder} was opened, and a search that goes on would choose by it; give "
                    "resume=false for a new search"
                )
            print(f"carrying on {folder}", file=sys.stderr)
        _write(folder, search, arguments, wanted)
        yield Session(folder, search, tuple(arguments), dimensions, config)


def load_session(folder: Path) -> Session:
    """Reads a session.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / files.SESSION
    if not path.is_file():
        raise UserError(f"{path} is missing; is {folder} the folder of a search?")
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
        search, arguments = SearchConfig.model_validate(saved["search"]), saved["arguments"]
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    config = compose(arguments, note=lambda _: None)
    return Session(folder, search, tuple(arguments), read_dimensions(search.space), config)


@contextmanager
def locked_session(folder: Path) -> Iterator[Session]:
    """Opens a session that is there.

    Raises:
        UserError: there is none, or another process is at work on it.
    """
    session = load_session(folder)
    with locked(folder / files.LOCK, _ADVICE):
        yield session


def _identity(search: SearchConfig, config: RunConfig) -> dict:
    return {
        "search": search.model_dump(mode="json", exclude=BUDGET),
        "config": config.model_dump(mode="json", exclude=NOT_COMPARED),
    }


def _write(folder: Path, search: SearchConfig, arguments: Sequence[str], identity: dict) -> None:
    values = {"search": search.model_dump(mode="json"), "arguments": list(arguments), "config": identity["config"]}
    write_whole(folder / files.SESSION, yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode())


def _is_same(path: Path, wanted: dict) -> bool:
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
        # By the schema, as a key that is new since then has its default.
        return _identity(SearchConfig.model_validate(saved["search"]), validate(saved["config"])) == wanted
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, UserError):
        return False
