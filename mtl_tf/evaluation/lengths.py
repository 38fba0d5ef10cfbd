"""What clips a model was trained on: answers for far longer or shorter ones, or for silence, are not to be trusted."""

import numpy as np

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData, RunData, used_duration_s
from mtl_tf.data.manifest import TRAIN, VALIDATION

FAR = 2.0  # so many times as long as the longest clip, or as short as the shortest

Lengths = dict[str, float]


def clip_lengths(data: RunData, fold: FoldData, config: RunConfig) -> Lengths:
    """Measures the clips of a fold as the network is given them.

    Args:
        data: of the run.
        fold: whose training and validation clips count: the former it learned from, by the latter `trust` is set.
        config: for the cuts.

    Returns:
        `shortest_s` and `longest_s`, in seconds, `trained_s`, to which training crops or pads them, and `silence_peak`,
        the largest absolute sample below which a clip is silent; 0 where the run trained on silent clips too.
    """
    positions = np.concatenate([fold.positions(TRAIN), fold.positions(VALIDATION)])
    seconds = used_duration_s(data.manifest.loc[positions], config)
    return {
        "shortest_s": round(float(seconds.min()), 3),
        "longest_s": round(max(float(seconds.max()), config.pipeline.clip_s), 3),
        "trained_s": config.pipeline.clip_s,
        "silence_peak": 0.0 if "silent" in config.audit.accept else config.audit.silence_peak,
    }


def unfit_length(seconds: float, lengths: Lengths) -> str | None:
    """Says why answers for a clip of such a length cannot be trusted, or None.

    Args:
        seconds: length of the clip.
        lengths: what `clip_lengths` gave; empty where it is not known.

    >>> unfit_length(699, {"shortest_s": 0.2, "longest_s": 0.75})
    'it lasts 699.00 s, and the model learned from clips of 0.20 to 0.75 s'
    """
    if not lengths or lengths["shortest_s"] / FAR <= seconds <= lengths["longest_s"] * FAR:
        return None
    span = f"{lengths['shortest_s']:.2f} to {lengths['longest_s']:.2f} s"
    return f"it lasts {seconds:.2f} s, and the model learned from clips of {span}"


def is_silent(samples: np.ndarray, lengths: Lengths) -> bool:
    """Says whether a clip is silence such as training did not have.

    Args:
        samples: float (samples,).
        lengths: what `clip_lengths` gave; empty where it is not known.
    """
    return float(np.abs(samples).max(initial=0.0)) < lengths.get("silence_peak", 0.0)


def unfit_clip(samples: np.ndarray, sample_rate: int, lengths: Lengths) -> str | None:
    """Says why answers for a clip cannot be trusted, its length or its silence, or None.

    Args:
        samples: float (samples,).
        sample_rate: in Hz.
        lengths: what `clip_lengths` gave; empty where it is not known.
    """
    unfit = unfit_length(len(samples) / sample_rate, lengths)
    return unfit or ("it is silent" if is_silent(samples, lengths) else None)
