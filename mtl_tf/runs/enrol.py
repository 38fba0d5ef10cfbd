"""Statistics of a speaker, or of another group of clips, from files of theirs."""

import sys
from pathlib import Path

import numpy as np

from mtl_tf.data.decode import load_clip
from mtl_tf.errors import UserError
from mtl_tf.frontends.frame_sums import FrameSums
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.build import STATISTICS
from mtl_tf.progress import say

_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


def statistics_of(frontend: FrontEnd, enrol: Path | str | None) -> dict[str, np.ndarray]:
    """Measures what features of a group are normalised by.

    Args:
        frontend: of a run.
        enrol: a clip of the group, or a folder of such clips; None: none are there.

    Returns:
        `mean` and `deviation`, float32 (1, bins) each, for `mtl_tf.models.build.answer`; nothing without clips, which
        is said where the run normalises over groups.

    Raises:
        UserError: the run does not normalise over groups, there are no clips, or one cannot be read.
    """
    if enrol is None:
        if frontend.takes_statistics:
            column = frontend.normalize_over
            print(
                f"note: this run normalises features over each {column}; give enrol=DIR with clips of the {column} of "
                "these files, for better answers than by the statistics of the training clips",
                file=sys.stderr,
            )
        return {}
    if not frontend.takes_statistics:
        raise UserError(
            f"enrol={enrol}: this run does not normalise over groups (frontend.normalize_over); leave it out"
        )
    path = Path(enrol)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise UserError(f"enrol={enrol}: there is no audio file; give a clip or a folder of clips")
    sums = FrameSums()
    for file in files:
        samples = load_clip(file, frontend.sample_rate, warn=say)
        if len(samples) < frontend.min_samples:
            raise UserError(f"{file} is shorter than one analysis frame")
        features, mask = frontend.raw(samples[None])
        sums.add(np.asarray(features)[np.asarray(mask)])
    values = [np.asarray(each, np.float32)[None] for each in frontend.spread(*sums.statistics())]
    return dict(zip(STATISTICS, values, strict=True))
