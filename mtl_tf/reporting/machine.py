"""What a support vector machine scores on the clips of a run, where somebody trained one: the line to beat."""

from pathlib import Path

import pandas as pd

from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.runs import names
from mtl_tf.runs.read import load_config, load_metrics

MACHINE = "svm"


def machine_scores(folder: Path, config: RunConfig) -> dict[str, tuple[float, str, str]]:
    """Finds runs of `model=svm` beside a run, which were asked the same of the same test clips.

    Args:
        folder: of the run; runs are looked for in the folder above.
        config: of the run.

    Returns:
        Task to the score of the machine, its front end, and the name of its run's folder: of the latest such run.
        Empty for a run of a machine.
    """
    if config.model.name == MACHINE:
        return {}
    metrics, found = config.main_metrics(), {}
    for path in sorted(folder.parent.glob(f"*/{names.METRICS}")):
        other = path.parent
        try:
            known = load_config(other)
            if known.model.name != MACHINE:
                continue
            tested = load_metrics(other)["test"]
            for task, metric in metrics.items():
                if task in tested and _truth(other, task) == _truth(folder, task):
                    found[task] = (tested[task][metric], known.frontend.name, other.name)
        except (UserError, OSError, ValueError, KeyError):
            continue  # unfinished, damaged, or of another time
    return found


def _truth(folder: Path, task: str) -> set[tuple[str, str]]:
    """Returns the test clips of a task, with what is right."""
    columns = ["clip_id", "label"]
    table = pd.read_parquet(folder / names.PREDICTIONS, columns=columns, filters=[("task", "==", task)])
    return set(table.itertuples(index=False, name=None))
