"""Resampling inside a served model: soxr's own filter, as a product with a matrix."""

from math import gcd

import numpy as np
import soxr
import tensorflow as tf

REACH = 101  # periods of the lower rate that soxr's high quality reaches to each side, and one to spare
SHORTEST_BLOCK = 160
EDGE = 64  # outputs at the start of a clip of which some come out otherwise, as soxr's first stage starts there


class Resampler:
    """Resamples as `mtl_tf.data.decode.resample` does, with core TensorFlow operations.

    soxr is linear and, for a ratio L / M of whole numbers, the same for every M input samples. So its answers to
    impulses at M places are all there is to know of it, but for the first few outputs of a clip, which are corrected.
    They are measured here and applied to blocks of M samples, each with what the filter reaches on both sides. Differs
    from soxr by less than 1e-5 of full scale.

    Args:
        from_rate: in Hz.
        to_rate: in Hz.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        divisor = gcd(from_rate, to_rate)
        self._out, self._in = to_rate // divisor, from_rate // divisor
        reach = -(-REACH * from_rate // min(from_rate, to_rate))
        blocks = -(-SHORTEST_BLOCK // self._out)
        self._block_in, self._block_out, self._reach = blocks * self._in, blocks * self._out, reach
        self._matrix = self._measure(from_rate, to_rate)
        self._edge = self._measure_edge(from_rate, to_rate)

    def __call__(self, samples: tf.Tensor) -> tf.Tensor:
        """Resamples float32 (samples,) to float32 (round(samples * to_rate / from_rate),)."""
        given = tf.size(samples, tf.int64)
        count = (2 * given * self._out + self._in) // (2 * self._in)
        blocks = -(-count // self._block_out)
        width = self._block_in + 2 * self._reach
        needed = (blocks - 1) * self._block_in + width
        padded = tf.pad(samples, [[self._reach, tf.maximum(needed - given - self._reach, 0)]])
        frames = tf.signal.frame(padded[:needed], width, self._block_in)  # (blocks, width)
        resampled = tf.reshape(tf.matmul(frames, self._matrix), [-1])[:count]
        start = samples[: len(self._edge)]
        correction = tf.linalg.matvec(self._edge[: tf.size(start)], start, transpose_a=True)[:count]
        return resampled + tf.pad(correction, [[0, count - tf.size(correction, tf.int64)]])

    def _measure(self, from_rate: int, to_rate: int) -> np.ndarray:
        """Returns float32 (input samples a block depends on, output samples of a block)."""
        margin = -(-2 * self._reach // self._in)  # of periods, so that the ends do not matter
        length = (2 * margin + 1) * self._in
        responses = np.empty((self._in, round(length * to_rate / from_rate)), np.float32)
        for place, row in enumerate(responses):
            row[:] = _response(margin * self._in + place, length, from_rate, to_rate)
        rows = np.arange(self._block_in + 2 * self._reach) - self._reach  # input samples, from the block's first
        periods, places = np.divmod(rows, self._in)
        columns = np.arange(self._block_out) - self._out * (periods - margin)[:, None]
        inside = (columns >= 0) & (columns < responses.shape[1])
        return np.where(inside, responses[places[:, None], np.where(inside, columns, 0)], 0.0).astype(np.float32)

    def _measure_edge(self, from_rate: int, to_rate: int) -> tf.Tensor:
        """Returns float32 (first input samples, first outputs): what these outputs are off by."""
        places = round((EDGE - 1) * from_rate / to_rate) + self._reach
        measured = [_response(place, 2 * places + self._in, from_rate, to_rate)[:EDGE] for place in range(places)]
        blocks = -(-EDGE // self._block_out)
        plain = np.zeros((places + self._reach + blocks * self._block_in, blocks * self._block_out), np.float32)
        for block in range(blocks):
            first = block * self._block_in
            rows = self._matrix[: len(plain) - first]
            plain[first : first + len(rows), block * self._block_out :][:, : self._block_out] = rows
        return tf.constant(np.stack(measured) - plain[self._reach :][:places, :EDGE])


def _response(place: int, length: int, from_rate: int, to_rate: int) -> np.ndarray:
    """Resamples a single 1 among zeros."""
    impulse = np.zeros(length, np.float32)
    impulse[place] = 1.0
    return soxr.resample(impulse, from_rate, to_rate, quality="HQ")
