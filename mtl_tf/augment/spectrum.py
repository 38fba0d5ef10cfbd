"""Filters whole clips by a Fourier transform."""

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
