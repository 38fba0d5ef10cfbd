"""Filters whole clips by a Fourier transform, and keeps their power."""

from keras import ops


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
