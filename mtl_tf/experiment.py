"""A run with its report: what `scripts/train.py` does."""

from pathlib import Path

from mtl_tf.config import RunConfig
from mtl_tf.reporting.comparison import runs_by_protocol
from mtl_tf.reporting.report import write_report
from mtl_tf.runs.walk import walk


def run_experiment(config: RunConfig) -> Path:
    """Carries out a run, writes its report, and writes those of its other protocols anew, which show it beside them.

    Args:
        config: of the run.

    Returns:
        The folder, see `mtl_tf.runs.walk.walk`.

    Raises:
        UserError: a mistake in configuration or data.
        OSError: the disk is full; what was written before is intact.
    """

    def report(folder: Path) -> None:
        write_report(folder)
        for other in runs_by_protocol(folder, config).values():
            if other != folder:
                write_report(other)

    return walk(config, report)
