"""The folder of a run: found again after a kill, locked while in use, refused where the data changed meanwhile."""

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import pandas as pd

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.runs.environment import environment
from mtl_tf.runs.names import CONFIG, ENVIRONMENT, LOCK, REPORT, SPLITS
from mtl_tf.tables import write_table

NOT_COMPARED = {
    **dict.fromkeys(("resume", "quiet", "report_audio", "score_test", "runs_dir", "study"), True),
    "training": {"stop_after_epoch"},
}


@contextmanager
def run_folder(config: RunConfig, divisions: Mapping[str, pd.DataFrame]) -> Iterator[Path]:
    """Opens the folder a run writes to.

    That is the latest folder below `runs_dir/experiment` that has the same configuration, no report yet and no
    running process, if `resume` is set; else a new one, named after the time.

    Args:
        config: of the run.
        divisions: path of each part below the folder (`.`, `folds/0`, `repeats/1`) to its clips as `splits.parquet`
            lists them. They are written into a new folder, and compared with those of one that is carried on.

    Yields:
        The folder, with `config.yaml`, `environment.json` and every `splits.parquet` written; locked against other
        processes.

    Raises:
        UserError: the folder cannot be made; or the clips, labels or the division are no longer those of the run that
            would be carried on, so that its weights may have seen what are test clips now.
    """
    parent = Path(config.runs_dir) / config.experiment
    folder, lock = _unfinished(parent, config) if config.resume else (None, None)
    carried_on = folder is not None
    if folder is None:
        check_writable(config)
        try:
            folder = new_folder(parent)
        except OSError as error:
            raise _cannot_write(config, error.strerror) from error
        lock = _lock(folder)
        for place, division in divisions.items():
            write_table(division, folder / place / SPLITS)
        write_json(environment(), folder / ENVIRONMENT)
        compose.save(config, folder / CONFIG)  # last: a folder without it is no run to be carried on
    with lock:
        if carried_on:
            print(f"carrying on {folder}", file=sys.stderr)
            for place, division in divisions.items():
                _check_unchanged(folder / place / SPLITS, division, folder)
            compose.save(config, folder / CONFIG)
        yield folder


def check_writable(config: RunConfig) -> None:
    """Tells early, and without making anything, that the folder of all runs cannot be written to.

    Raises:
        UserError: it is no folder, or it and the nearest folder above it that exists may not be written to.
    """
    parent = Path(config.runs_dir) / config.experiment
    try:
        nearest = next(place for place in (parent, *parent.parents) if place.exists())
    except OSError as error:
        raise _cannot_write(config, error.strerror) from error
    if not nearest.is_dir():
        raise _cannot_write(config, f"{nearest} is not a folder")
    if not os.access(nearest, os.W_OK):
        raise _cannot_write(config, f"{nearest} is not writable")


def _cannot_write(config: RunConfig, reason: str) -> UserError:
    return UserError(f"runs_dir={config.runs_dir}: {reason}; give a folder that can be made and written to")


def what_changed(before: pd.DataFrame, now: pd.DataFrame) -> str | None:
    """Says how the clips of a run differ from those it began with.

    Args:
        before: `clip_id`, `audio_sha1`, `split`, `closed_set_only` and the label of each task, as `splits.parquet` has
            them.
        now: the same.

    Returns:
        One phrase with a count and an example, or None where nothing differs.
    """
    before, now = before.set_index("clip_id"), now.set_index("clip_id")
    for one, other, word in ((before, now, "gone"), (now, before, "new")):
        names = one.index.difference(other.index)
        if len(names):
            return f"{len(names)} clips are {word}, such as {names[0]}"
    now = now.loc[before.index]
    labels = [column for column in now if column.startswith(LABEL)]
    if set(labels) != {column for column in before if column.startswith(LABEL)}:
        return "the tasks are others"
    kinds = [("audio_sha1", "hold other audio")]
    kinds += [(name, f"have another {name.removeprefix(LABEL)}") for name in labels]
    kinds += [(name, "are in another part") for name in ("split", "closed_set_only") if name in now]
    for column, words in kinds:
        if column not in before:
            return f"it lists no {column}"
        one, other = (table[column].astype(object).where(table[column].notna(), "") for table in (before, now))
        differ = one != other
        if differ.any():
            return f"{differ.sum()} clips {words}, such as {before.index[differ][0]}"
    return None


LABEL = "label."


def _check_unchanged(path: Path, division: pd.DataFrame, folder: Path) -> None:
    try:
        before = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); give resume=false to train anew") from error
    changed = what_changed(before, division)
    if changed:
        raise UserError(
            f"the data is not what {folder} began with: {changed}; bring it back, or give resume=false to train anew"
        )


def _unfinished(parent: Path, config: RunConfig) -> tuple[Path | None, IO | None]:
    """Finds a run to carry on, and locks it in the same moment, so that no other start takes it too."""
    wanted = config.model_dump(exclude=NOT_COMPARED)
    for path in sorted(parent.glob(f"*/{CONFIG}"), reverse=True):
        if (path.parent / REPORT).is_file():
            continue
        try:
            found = compose.load(path).model_dump(exclude=NOT_COMPARED)
        except UserError:
            continue
        if found != wanted:
            continue
        lock = _lock(path.parent)
        if lock is not None and not (path.parent / REPORT).is_file():
            return path.parent, lock
        if lock is not None:  # it was finished between the two looks
            lock.close()
            continue
        print(f"note: another process is at work on the same run in {path.parent}; this is one more", file=sys.stderr)
    return None, None


def _lock(folder: Path) -> IO | None:
    """Locks a folder until the file that is returned is closed; None where another process holds it."""
    lock = (folder / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def new_folder(parent: Path) -> Path:
    """Makes a folder named after the time.

    Raises:
        OSError: the parent cannot be made or written to.
    """
    name = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
        folder = parent / (name + suffix)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise UserError(f"{parent} has too many runs of {name}")
