"""Chooses clips to show, right and wrong, and computes what the network saw of them."""

from pathlib import Path

import keras
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


def example_features(
    model: keras.Model, examples: pd.DataFrame, roots: dict[str, Path], crop_s: dict[str, float | None]
) -> list[np.ndarray]:
    """Computes the front end's output for clips.

    Args:
        model: of the run.
        examples: rows with `corpus`, `path`, `start_s` and `duration_s`.
        roots: folder of each corpus.
        crop_s: how much of each clip the run uses, in seconds, by corpus.

    Returns:
        float32 (frames, bins) of each.
    """
    frontend = model.get_layer("frontend")
    features = []
    for row in examples.itertuples():
        samples = load_clip(roots[row.corpus] / row.path, frontend.sample_rate, row.start_s, row.duration_s)
        limit = crop_s.get(row.corpus)
        samples = samples if limit is None else samples[: round(limit * frontend.sample_rate)]
        features.append(np.asarray(frontend(samples[None])[0])[0])
    return features
