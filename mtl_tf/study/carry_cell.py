"""Carries out cells, one after the other: `python -m mtl_tf.study.carry_cell`, which is given folders line by line."""

import ctypes
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from mtl_tf import compose
from mtl_tf.config import RunConfig, TaskConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.parent import end_with_parent
from mtl_tf.runs.memory import forget_peak
from mtl_tf.runs.names import HISTORY
from mtl_tf.runs.read import load_history, load_metrics
from mtl_tf.study import names as files

BYTES_PER_WEIGHT = 4  # without what the optimizer keeps
READY, DONE, FAILED = "ready", "done", "failed"
# What cells differ in although their clips and features are the same.
_OF_CELLS = {
    **dict.fromkeys(("seed", "fold", "only_tasks", "model", "runs_dir", "study", "experiment", "published"), True),
    "training": True,
    "split": {"trained_corpora"},
}


def carry_cell(place: Path) -> None:
    """Trains and scores a cell, and writes its result.

    Args:
        place: folder of the cell, with `cell.yaml`; the run and `result.json` go there.

    Raises:
        UserError: a mistake in configuration or data, or a loss that is not finite.
    """
    from mtl_tf.runs.walk import walk

    forget_peak()
    start = time.monotonic()
    config = compose.load(place / files.CELL)
    folder = walk(config, lambda _: None, _clips_of)
    metrics = load_metrics(folder)
    scores = {
        task: {name: value for name, value in found.items() if isinstance(value, int | float)}
        for task, found in metrics["test"].items()
    }
    history = load_history(folder) if (folder / HISTORY).is_file() else None
    steps = config.training.steps_per_epoch or -(-metrics["clips"]["train"] // config.pipeline.batch_size)
    cost = metrics["cost"] | {
        "updates": 0 if history is None or config.model.name == "svm" else len(history) * steps,
        "embedding_variance": metrics["embedding_variance"],
        "model_mb": metrics["cost"]["parameters"] * BYTES_PER_WEIGHT / 2**20,
    }
    write_json(
        {
            "status": "completed",
            "run": str(folder.relative_to(place.parent.parent)),
            "scores": scores,
            "clips": metrics["clips"],
            "cost": cost,
            "seconds": time.monotonic() - start,
        },
        place / files.RESULT,
    )


_clips: dict[str, object] = {}


def _clips_of(config: RunConfig):
    """Reads the clips of a run, or gives those of the cell before where they are the same."""
    from mtl_tf.runs.walk import read_clips

    tasks = {name: _without_labels(task) for name, task in config.tasks.items()}
    key = config.model_copy(update={"tasks": tasks}).model_dump_json(exclude=_OF_CELLS)
    if key not in _clips:
        _clips.clear()
        _clips[key] = read_clips(config)
    return _clips[key]


def _without_labels(task: TaskConfig) -> TaskConfig:
    """Leaves of a task what decides which clips are read, and not which of their labels are learned."""
    labels = {name: options.model_copy(update={"ignore": []}) for name, options in task.labels.items()}
    return task.model_copy(update={"permute_seed": None, "labels": labels})


def quieten() -> None:
    """Sets what TensorFlow reads when it is loaded, as the scripts do."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def return_memory() -> None:
    """Gives the system back what a cell has freed, which glibc would keep."""
    with suppress(OSError, AttributeError):  # other systems have another library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def main() -> None:
    """Reads folders of cells from standard input, and answers each with one line on standard output."""
    quieten()
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log

    def say(word: str, reason: str = "") -> None:
        print(word, " ".join(reason.split()), file=answers, flush=True)

    import mtl_tf.runs.walk  # noqa: F401 for TensorFlow, before the first cell is there

    say(READY)
    for line in sys.stdin:
        try:
            carry_cell(Path(line.rstrip("\n")))
        except (UserError, OSError) as error:
            say(FAILED, str(error))
        else:
            say(DONE)
        return_memory()
        say(READY)


if __name__ == "__main__":
    main()
