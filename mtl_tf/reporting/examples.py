"""Chooses clips to show, right and wrong, and reads them."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from mtl_tf.data.decode import load_clip

PER_KIND = 3
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # that the format has, in Hz


def choose_examples(predictions: pd.DataFrame, task: str, of_frames: bool = False) -> pd.DataFrame:
    """Chooses the three clips that were answered right with most confidence, and the three most confidently wrong.

    Args:
        predictions: as in `predictions.parquet`.
        task: of which task.
        of_frames: whether it asks every step; then of the clips with an event the three whose steps were answered best,
            and the three that were answered worst.

    Returns:
        Rows of predictions, right ones first, of different classes as far as there are.
    """
    rows = predictions[predictions["task"] == task].sort_values("probability", ascending=False, kind="stable")
    if of_frames:
        some = rows[(rows["label"] != "") | (rows["predicted"] != "")]
        return pd.concat([some.head(PER_KIND), some.tail(max(min(PER_KIND, len(some) - PER_KIND), 0))[::-1]])
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
        examples: rows with `corpus`, `path`, `start_frame` and `num_frames`.
        roots: folder of each corpus.
        crop_s: how much of each clip the run uses, in seconds, by corpus.

    Returns:
        float32 (samples,) of each.
    """
    clips = []
    for row in examples.itertuples():
        samples = load_clip(roots[row.corpus] / row.path, sample_rate, row.start_frame, row.num_frames)
        limit = crop_s.get(row.corpus)
        clips.append(samples if limit is None else samples[: round(limit * sample_rate)])
    return clips


def playable(clip: np.ndarray, sample_rate: int) -> tuple[str, bytes]:
    """Encodes a clip for a browser: MP3, or FLAC where MP3 lacks the sample rate.

    Args:
        clip: float (samples,), in [-1, 1].
        sample_rate: in Hz.

    Returns:
        Its media type, and the bytes.
    """
    kind, media = ("MP3", "audio/mpeg") if sample_rate in MP3_RATES else ("FLAC", "audio/flac")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(clip, -1.0, 1.0), sample_rate, format=kind)
    return media, buffer.getvalue()
