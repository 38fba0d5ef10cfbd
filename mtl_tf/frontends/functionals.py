"""Statistics of a course in time, over the frames that are chosen of it."""

from keras import ops

PERCENTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
LEAST_DEVIATION = 1e-3
BEYOND = 1e9  # any track
NUM_FUNCTIONALS = len(PERCENTILES) + 8


def functionals(tracks, chosen):
    """Summarises every track over the chosen frames, which are taken as if they stood side by side.

    Args:
        tracks: float (batch, frames, tracks).
        chosen: bool (batch, frames).

    Returns:
        float32 (batch, NUM_FUNCTIONALS * tracks), one statistic of all tracks after the other: mean; standard deviation
        of the population; skewness and kurtosis, by their inverse hyperbolic sine, as they have long tails; the
        `PERCENTILES`, interpolated linearly; how far the upper quartile lies above the lower one, and the last
        percentile above the first; slope of the line through the frames, for half their number; curvature, the mean
        product with the square of the time, which runs from -1 to 1. All are 0 where no frame is chosen.
    """
    own = ops.cast(chosen, "float32")[:, :, None]
    any_chosen = ops.cast(ops.any(chosen, axis=1, keepdims=True), "float32")
    count = ops.maximum(ops.sum(own, axis=1), 1.0)  # (batch, 1)
    mean = ops.sum(tracks * own, axis=1) / count
    centred = (tracks - mean[:, None]) * own
    deviation = ops.sqrt(ops.sum(ops.square(centred), axis=1) / count)
    # Of a track that stays as it is, rounding errors are all that is left of its course.
    relative = ops.where(deviation > LEAST_DEVIATION, 1.0 / ops.maximum(deviation, LEAST_DEVIATION), 0.0)
    relative = centred * relative[:, None]
    ranked = ops.sort(ops.where(chosen[:, :, None], tracks, BEYOND), axis=1)
    parts = [_percentile(ranked, count, share) * any_chosen for share in PERCENTILES]
    time = 2.0 * (ops.cumsum(own, axis=1) - 1.0) / ops.maximum(count - 1.0, 1.0)[:, None] - 1.0
    time = ops.where(count[:, None] > 1.0, time, 0.0) * own  # (batch, frames, 1)
    square = ops.square(time)
    mean_square = ops.sum(square, axis=1) / count
    bow = (square - mean_square[:, None]) * own
    found = [
        mean,
        deviation,
        _arcsinh(ops.sum(relative**3, axis=1) / count),
        _arcsinh(ops.sum(relative**4, axis=1) / count),
        *parts,
        parts[4] - parts[2],
        parts[-1] - parts[0],
        ops.sum(centred * time, axis=1) / count / ops.maximum(mean_square, 1e-6),
        ops.sum(tracks * bow, axis=1) / count,
    ]
    return ops.concatenate(found, axis=-1)


def _arcsinh(values):
    size = ops.abs(values)  # ops.arcsinh is no operation of LiteRT's
    return ops.sign(values) * ops.log(size + ops.sqrt(ops.square(size) + 1.0))


def _percentile(ranked, count, share: float):
    place = share * (count - 1.0)  # (batch, 1)
    below = ops.floor(place)
    above = ops.minimum(below + 1.0, count - 1.0)
    first, second = (
        ops.take_along_axis(ranked, ops.cast(index, "int32")[:, :, None], axis=1)[:, 0] for index in (below, above)
    )
    return first + (second - first) * (place - below)
