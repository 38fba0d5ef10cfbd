"""One run of a trial, in a process of its own: `python -m mtl_tf.tuning.execution FOLDER BEGIN`."""

import hashlib
import math
import os
import sys
from pathlib import Path

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.data.manifest import TRAIN
from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.parent import end_with_parent
from mtl_tf.runs.folder import LABEL
from mtl_tf.runs.names import HISTORY, SPLITS
from mtl_tf.runs.read import load_division, load_history, part_folders
from mtl_tf.tuning import names as files
from mtl_tf.tuning.validation import validation_scores


def execute(place: Path, begin: int) -> None:
    """Trains and validates, and writes what the trial needs to know.

    Args:
        place: with `execution.yaml`; the run and `result.json` go there.
        begin: epochs that another trial has paid for.

    Raises:
        UserError: a mistake in configuration or data, or a loss that is not finite.
    """
    config = compose.load(place / files.EXECUTION)

    from mtl_tf.runs.walk import walk

    folder = walk(config, lambda _: None)
    write_json(
        {
            "run": str(folder.relative_to(place.parent.parent)),
            "scores": validation_scores(folder),
            "data": _digest(part_folders(folder)),
            **count_updates(folder, config, begin),
        },
        place / files.RESULT,
    )


def count_updates(folder: Path, config: RunConfig, begin: int) -> dict[str, int]:
    """Counts what a run has done so far, also one that failed.

    Args:
        folder: of the run.
        config: of the run.
        begin: epochs that another trial has paid for.

    Returns:
        `epochs` that were finished, of the longest part, and `updates`, the training steps of all parts.
    """
    parts = [part for part in part_folders(folder) if (part / HISTORY).is_file() and (part / SPLITS).is_file()]
    epochs = [len(load_history(part)) for part in parts]
    steps = [_steps(config, part) for part in parts]
    updates = sum(max(count - begin, 0) * each for count, each in zip(epochs, steps, strict=True))
    return {"epochs": max(epochs, default=0), "updates": updates}


def _digest(parts: list[Path]) -> str:
    """Returns a digest of the clips, labels and parts that a run had."""
    digest = hashlib.sha256()
    for part in parts:
        division = load_division(part).sort_index()
        columns = [name for name in division if name.startswith(LABEL) or name in ("audio_sha1", "split")]
        digest.update(division[columns].astype(str).to_csv().encode())
    return digest.hexdigest()


def _steps(config: RunConfig, part: Path) -> int:
    clips = int((load_division(part)["split"] == TRAIN).sum())
    return config.training.steps_per_epoch or math.ceil(clips / config.pipeline.batch_size)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    end_with_parent()
    try:
        execute(Path(sys.argv[1]), int(sys.argv[2]))
    except (UserError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
