"""Filters and adds to whole clips, by a Fourier transform and by power."""

from keras import ops

_FAST = 512  # transforms whose length is a multiple of it are several times as fast as those of odd lengths


def frequencies(values):
    """Returns the frequencies of the transform of a clip, as shares of half the sample rate.

    Args:
        values: float (batch, samples).

    Returns:
        float32 (samples // 2 + 1,), from 0 to 1.
    """
    count = ops.shape(values)[1] // 2 + 1
    return ops.arange(count, dtype="float32") / ops.cast(ops.maximum(count - 1, 1), "float32")


def filtered(values, response):
    """Multiplies the spectrum of clips, which turns no phase.

    Args:
        values: float32 (batch, samples).
        response: float32 (batch, samples // 2 + 1), factor of each frequency.

    Returns:
        float32 (batch, samples).
    """
    samples = ops.shape(values)[1]
    real, imaginary = ops.rfft(values, fft_length=samples)
    return ops.irfft((real * response, imaginary * response), fft_length=samples)


def with_power_of(values, found):
    """Gives changed clips the power that they had.

    Args:
        values: float32 (batch, samples), as they were.
        found: float32 (batch, samples), as they are.

    Returns:
        The second, float32 (batch, samples), each clip times a factor; silence stays silence.
    """
    before, after = (ops.sum(ops.square(part), axis=1, keepdims=True) for part in (values, found))
    return found * ops.sqrt(before / ops.maximum(after, 1e-20))


def added_at(values, noise, valid, snr_db):
    """Adds noise to clips at a ratio of their powers, each the mean over the clip's own samples.

    Args:
        values: float32 (batch, samples).
        noise: float32 (batch, samples).
        valid: float32 (batch, samples), 0 where padded.
        snr_db: float32 (batch, 1).

    Returns:
        float32 (batch, samples); silence stays silence.
    """
    count = ops.maximum(ops.sum(valid, axis=1, keepdims=True), 1.0)
    noise = noise * valid
    power, own = (ops.sum(ops.square(part), axis=1, keepdims=True) / count for part in (values, noise))
    return values + noise * ops.sqrt(power / (10.0 ** (snr_db / 10.0) * ops.maximum(own, 1e-20)))


def convolved(values, response):
    """Convolves clips with responses, of which the first sample is the sound itself.

    Args:
        values: float32 (batch, samples).
        response: float32 (batch, taps).

    Returns:
        float32 (batch, samples); what sounds after the end of a clip is cut.
    """
    samples = ops.shape(values)[1]
    least = samples + ops.shape(response)[1] - 1
    length = (least + _FAST - 1) // _FAST * _FAST
    (real, imaginary), (own, turned) = (ops.rfft(part, fft_length=length) for part in (values, response))
    found = ops.irfft((real * own - imaginary * turned, real * turned + imaginary * own), fft_length=length)
    return found[:, :samples]
