"""Which frames are a clip's own, and clips with another number of frames."""

from keras import ops


def own_frames(waveform, length, count_frames):
    """Says which frames are a clip's own, and not of padding after it.

    Args:
        waveform: float (batch, samples).
        length: int32 (batch,), samples of each clip that count.
        count_frames: how many frames a number of samples has.

    Returns:
        bool (batch, frames); the first is always True.
    """
    frame = ops.arange(count_frames(ops.shape(waveform)[1]), dtype="int32")
    return frame[None, :] < ops.maximum(count_frames(length), 1)[:, None]


def stretch(features, mask, num_frames: int):
    """Resizes the valid frames of each clip to a number of frames, as images are resized.

    More frames come by linear interpolation. Fewer come by averaging with a triangle as wide as the reduction, so that
    every frame counts as much as any other, and no short sound falls between two of the result.

    Args:
        features: float (batch, frames, bins).
        mask: bool (batch, frames), valid frames first.
        num_frames: of the result.

    Returns:
        float (batch, num_frames, bins).
    """
    count = ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True)  # (batch, 1)
    place = (ops.arange(num_frames, dtype="float32")[None, :] + 0.5) * count / num_frames - 0.5
    place = ops.clip(place, 0.0, ops.maximum(count - 1.0, 0.0))  # (batch, num_frames)
    reach = ops.maximum(count / num_frames, 1.0)[:, :, None]  # (batch, 1, 1)
    frame = ops.arange(ops.shape(features)[1], dtype="float32")[None, None, :]
    weights = ops.maximum(1.0 - ops.abs(frame - place[:, :, None]) / reach, 0.0)  # (batch, num_frames, frames)
    weights *= ops.cast(mask, "float32")[:, None, :]
    weights /= ops.maximum(ops.sum(weights, axis=2, keepdims=True), 1e-9)
    return ops.matmul(weights, features)


def cut_or_pad(values, num_frames: int, fill):
    """Brings clips to a number of frames, at their end.

    Args:
        values: float or bool (batch, frames, ...).
        num_frames: of the result.
        fill: value of frames that are added.

    Returns:
        (batch, num_frames, ...).
    """
    padding = [[0, 0], [0, num_frames]] + [[0, 0]] * (len(values.shape) - 2)
    return ops.pad(values, padding, constant_values=fill)[:, :num_frames]
