"""Chooses clips to show, right and wrong, and reads them."""

from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.data.decode import load_clip

PER_KIND = 3


def choose_examples(predictions: pd.DataFrame, task: str) -> pd.DataFrame:
    """Chooses the three clips that were answered right with most confidence, and the three most confidently wrong.

    Args:
        predictions: as in `predictions.parquet`.
        task: of which task.

    Returns:
        Rows of predictions, right ones first, of different classes as far as there are.
    """
    rows = predictions[predictions["task"] == task].sort_values("probability", ascending=False, kind="stable")
    right = rows["label"] == rows["predicted"]
    chosen = []
    for part in (rows[right], rows[~right]):
        varied = pd.concat([part.drop_duplicates("label"), part]).drop_duplicates("clip_id")
        chosen.append(varied.head(PER_KIND))
    return pd.concat(chosen)


def load_examples(
    sample_rate: int, examples: pd.DataFrame, roots: dict[str, Path], crop_s: dict[str, float | None]
) -> list[np.ndarray]:
    """Reads clips as the run does.

    Args:
        sample_rate: of the model, in Hz.
        examples: rows with `corpus`, `path`, `start_s` and `duration_s`.
        roots: folder of each corpus.
        crop_s: how much of each clip the run uses, in seconds, by corpus.

    Returns:
        float32 (samples,) of each.
    """
    clips = []
    for row in examples.itertuples():
        samples = load_clip(roots[row.corpus] / row.path, sample_rate, row.start_s, row.duration_s)
        limit = crop_s.get(row.corpus)
        clips.append(samples if limit is None else samples[: round(limit * sample_rate)])
    return clips
