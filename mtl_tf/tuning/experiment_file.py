"""Writes the configuration of a run as an experiment file."""

from pathlib import Path

import yaml

from mtl_tf.config import RunConfig
from mtl_tf.files import write_whole

# Of a machine or of one start, and not of the experiment.
_LEFT_OUT = {
    *("experiment", "fold", "data_root", "prepared_dir", "runs_dir"),
    *("resume", "score_test", "report_audio", "quiet"),
    "recipe",  # whose values are among the others, and would go before what was found
}


def write_experiment(config: RunConfig, remark: str, path: Path) -> None:
    """Writes a file for `configs/experiment` that stands on its own.

    Composed under any name, it gives the same configuration but for that name, the folders, the fold and the name
    of the recipe, whatever becomes of the experiment that the search began with.

    Args:
        config: of the run.
        remark: a sentence on where it comes from.
        path: of the file.
    """
    values = config.model_dump(mode="json", exclude=_LEFT_OUT)
    head = {
        "defaults": [{"override /frontend": config.frontend.name}, {"override /model": config.model.name}],
    }
    text = yaml.safe_dump({**head, **values}, sort_keys=False, allow_unicode=True)
    write_whole(path, f"# @package _global_\n# {remark}\n{text}".encode())
