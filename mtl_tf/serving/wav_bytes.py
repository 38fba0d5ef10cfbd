"""WAV files decoded inside a served model, with core TensorFlow operations."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from mtl_tf.data.wav import HUGE, IMPLAUSIBLE, LIMITS, NEAR
from mtl_tf.serving.resampler import Resampler

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
MOST_CHUNKS = 1000
ENCODINGS = ((_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64))


class WavDecoder:
    """Turns the bytes of a WAV file into a waveform at one sample rate.

    Reads integers of 8, 16, 24 and 32 bits and floats of 32 and 64, plain or `WAVE_FORMAT_EXTENSIBLE`, of any number of
    channels, which are averaged, with chunks of any kind and order around them. The samples are those that
    `mtl_tf.data.decode.load_clip` gives, up to 1e-6. `tf.audio.decode_wav` reads 16 bits alone and not every file.

    Args:
        sample_rate: of the result, in Hz.
        rates: sample rates that files may have, in Hz.
    """

    def __init__(self, sample_rate: int, rates: Sequence[int]) -> None:
        self._rates = tuple(rates)
        self._resample = [
            (lambda samples: samples) if rate == sample_rate else Resampler(rate, sample_rate) for rate in self._rates
        ]

    def decode(self, content: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Decodes one file.

        Args:
            content: string scalar.
            number: int32 scalar, which input it is, for messages.

        Returns:
            float32 (samples,).

        Raises:
            tf.errors.InvalidArgumentError: it is no whole WAV file of a declared rate; the message gives its number.
        """
        wav = _Bytes(content, number)
        with wav.require((wav.text(0) == b"RIFF") & (wav.text(8) == b"WAVE"), "is not a RIFF/WAVE file"):
            form, data, data_size, parts = wav.chunks()
        with wav.require((form >= 0) & (data >= 0), "has no fmt chunk before its data chunk"):
            tag, channels, rate = wav.number(form, 2), wav.number(form + 2, 2), wav.number(form + 4, 4)
            align, bits = wav.number(form + 12, 2), wav.number(form + 14, 2)
        tag = tf.cond(tag == _EXTENSIBLE, lambda: wav.number(form + 24, 2), lambda: tag)
        matches = tf.stack([(tag == code) & (bits == width) for code, width in ENCODINGS])
        rate_matches = tf.constant(self._rates, tf.int64) == rate
        available = wav.size - data
        block = tf.maximum(align, 1)
        size = tf.where(wav.is_placeholder(data, data_size, block), available, data_size // block * block)
        wanted = f"has a sample rate that is none of {', '.join(map(str, self._rates))} Hz:"
        with (
            wav.require(tf.reduce_any(matches), "has an encoding that is not read; its format and bits are", tag, bits),
            wav.require((channels > 0) & (align == channels * bits // 8), "has a block size that does not fit:", align),
            wav.require(tf.reduce_any(rate_matches), wanted, rate),
            wav.require(size <= available, "ends before the bytes of audio it announces:", size),
            wav.require(parts == 1, "holds several data chunks, which only a reader of whole files joins:", parts),
        ):
            frames = size // block
        with wav.require(frames > 0, "holds no samples"):
            payload = tf.strings.substr(content, data, frames * align)
        read = [_reader(code, width, payload) for code, width in ENCODINGS]
        samples = tf.switch_case(_first(matches), read)
        mono = tf.reduce_mean(tf.reshape(samples, tf.stack([frames, channels])), axis=1)
        finite = tf.reduce_all(tf.math.is_finite(mono))
        with wav.require(finite, "holds samples that are not finite"):
            mono = tf.identity(mono)
        return tf.switch_case(
            _first(rate_matches), [lambda resample=resample: resample(mono) for resample in self._resample]
        )


class _Bytes:
    """The bytes of one input, read as a WAV file's fields."""

    def __init__(self, content: tf.Tensor, number: tf.Tensor) -> None:
        self._content, self._number = content, number
        self.size = tf.cast(tf.strings.length(content), tf.int64)

    def require(self, condition: tf.Tensor, message: str, *details: tf.Tensor):
        """Refuses the input unless the condition holds, before anything in the block is computed."""
        return tf.control_dependencies([tf.debugging.Assert(condition, ["input", self._number, message, *details])])

    def text(self, position: int | tf.Tensor) -> tf.Tensor:
        """Reads four bytes, fewer at the end."""
        position = tf.minimum(tf.cast(position, tf.int64), self.size)
        return tf.strings.substr(self._content, position, tf.minimum(self.size - position, 4))

    def number(self, position: tf.Tensor, width: int) -> tf.Tensor:
        """Reads a little-endian number of 2 or 4 bytes as int64; 0 beyond the end."""
        position = tf.clip_by_value(position, 0, self.size)
        text = tf.strings.substr(self._content, position, tf.minimum(self.size - position, width))
        digits = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)
        digits = tf.pad(digits, [[0, width - tf.size(digits)]])
        return tf.reduce_sum(digits * [256**place for place in range(width)])

    def is_placeholder(self, data: tf.Tensor, declared: tf.Tensor, align: tf.Tensor) -> tf.Tensor:
        """Says whether the size of a `data` chunk means "to the end", as `mtl_tf.data.wav.is_placeholder` does."""
        available = self.size - data
        behind = data + tf.where(declared < align, declared + declared % 2, 0)
        head = tf.cast(tf.io.decode_raw(self.text(behind), tf.uint8), tf.int32)
        printable = (tf.size(head) == 4) & tf.reduce_all((head >= 32) & (head < 127))
        follows = printable & (behind + 8 + self.number(behind + 4, 4) <= self.size) & (behind + 8 <= self.size)
        near = tf.reduce_any(tf.abs(declared - tf.constant(LIMITS, tf.int64)) <= NEAR)
        huge = (declared > available) & (declared >= HUGE) & ((declared > IMPLAUSIBLE * available) | near)
        return tf.where(declared < align, (available >= align) & ~follows, huge)

    def chunks(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Finds the positions of the contents of `fmt ` and of the first `data`, -1 where missing.

        Returns:
            The two positions, the size that `data` claims, and the number of `data` chunks.
        """

        def search(position: tf.Tensor, form: tf.Tensor, data: tf.Tensor, size: tf.Tensor, parts: tf.Tensor) -> tuple:
            name, length = self.text(position), self.number(position + 4, 4)
            form = tf.where((name == b"fmt ") & (form < 0) & (length >= 16), position + 8, form)
            found = (name == b"data") & (form >= 0)
            first = found & (data < 0)
            data, size = tf.where(first, position + 8, data), tf.where(first, length, size)
            align = tf.maximum(self.number(form + 12, 2), 1)
            last = first & self.is_placeholder(position + 8, length, align)
            following = tf.where(last, self.size, position + 8 + length + length % 2)
            return following, form, data, size, parts + tf.cast(found, tf.int64)

        none, start, zero = (tf.constant(number, tf.int64) for number in (-1, 12, 0))
        _, form, data, size, parts = tf.while_loop(
            lambda position, form, data, size, parts: position + 8 <= self.size,
            search,
            (start, none, none, none, zero),
            maximum_iterations=MOST_CHUNKS,
        )
        return form, data, size, parts


def _reader(tag: int, bits: int, payload: tf.Tensor) -> Callable[[], tf.Tensor]:
    """Makes the branch that reads one encoding as float32 in [-1, 1]."""
    scale = 2.0 ** (1 - bits)

    def whole_numbers(kind: tf.DType, offset: int = 0) -> tf.Tensor:
        return (tf.cast(tf.io.decode_raw(payload, kind), tf.float32) - offset) * scale

    def three_bytes() -> tf.Tensor:
        digits = tf.cast(tf.reshape(tf.io.decode_raw(payload, tf.uint8), [-1, 3]), tf.int32)
        shifted = tf.bitwise.left_shift(digits, [8, 16, 24])  # the sign is the highest bit of the third byte
        return tf.cast(tf.reduce_sum(shifted, axis=1), tf.float32) * 2.0**-31

    def floats(kind: tf.DType) -> tf.Tensor:
        return tf.cast(tf.io.decode_raw(payload, kind), tf.float32)

    return {
        (_PCM, 8): lambda: whole_numbers(tf.uint8, 128),
        (_PCM, 16): lambda: whole_numbers(tf.int16),
        (_PCM, 24): three_bytes,
        (_PCM, 32): lambda: whole_numbers(tf.int32),
        (_FLOAT, 32): lambda: floats(tf.float32),
        (_FLOAT, 64): lambda: floats(tf.float64),
    }[tag, bits]


def _first(matches: tf.Tensor) -> tf.Tensor:
    return tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
