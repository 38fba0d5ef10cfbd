"""WAV bytes decoded by core operations: the samples of libsndfile and soxr, or a refusal that says which input."""

import struct

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from mutations import mutations

from mtl_tf.data.decode import DecodeError, load_clip
from mtl_tf.serving.wav_bytes import WavDecoder

RATE, RATES = 8000, (8000, 16000, 44100)
RNG = np.random.default_rng(0)
NUM_MUTANTS = 1000


def batch_decoder(decoder):
    kind = tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def decode(contents):
        numbers = tf.range(tf.size(contents))
        return tf.map_fn(lambda item: decoder.decode(*item), (contents, numbers), fn_output_signature=kind).to_tensor()

    return decode


@pytest.fixture(scope="module")
def decode():
    return batch_decoder(WavDecoder(RATE, RATES))


def written(path, sample_rate=RATE, channels=1, subtype="PCM_16", container="WAV"):
    samples = RNG.uniform(-1, 1, (sample_rate // 2, channels)).astype(np.float32)
    soundfile.write(path, samples, sample_rate, subtype, format=container)
    return path.read_bytes()


@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_encoding_gives_the_samples_of_libsndfile(subtype, channels, container, decode, tmp_path):
    content = written(tmp_path / "a.wav", RATE, channels, subtype, container)
    np.testing.assert_allclose(decode([content])[0], load_clip(tmp_path / "a.wav", RATE), atol=1e-6)


@pytest.mark.parametrize("sample_rate", RATES)
def test_declared_rates_are_resampled_as_in_training(sample_rate, decode, tmp_path):
    content = written(tmp_path / "a.wav", sample_rate, 2)
    np.testing.assert_allclose(decode([content])[0], load_clip(tmp_path / "a.wav", RATE), atol=1e-5)


def test_a_batch_is_padded_with_zeros(decode, tmp_path):
    long, short = written(tmp_path / "a.wav"), written(tmp_path / "b.wav", 44100)[: 44 + 2 * 4410]
    short = short[:40] + struct.pack("<I", 2 * 4410) + short[44:]
    batch = decode([long, short]).numpy()
    assert batch.shape == (2, RATE // 2)
    assert np.all(batch[1, 800:] == 0) and np.any(batch[1, :800] != 0)


def test_chunks_around_the_audio_are_passed_over(decode, tmp_path):
    content = written(tmp_path / "a.wav")
    odd = b"odd " + struct.pack("<I", 3) + b"abc\0"
    surrounded = content[:12] + odd + content[12:36] + odd + content[36:] + odd + b"LIS"
    np.testing.assert_array_equal(decode([surrounded]), decode([content]))
    for size in (0x7FFFFFFF, 0xFFFFFFFF):  # what writers to a pipe leave
        np.testing.assert_array_equal(
            decode([content[:40] + struct.pack("<I", size) + content[44:]]), decode([content])
        )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "is not a RIFF/WAVE file"),
        (lambda content: b"OggS" + content[4:], "is not a RIFF/WAVE file"),
        (lambda content: content[:30], "has no fmt chunk before its data chunk"),
        (lambda content: content[:36], "has no fmt chunk before its data chunk"),
        (lambda content: content[:-1], "ends before the bytes of audio it announces"),
        (lambda content: content[:44], "ends before the bytes of audio it announces"),
        (lambda content: content[:40] + bytes(4), "holds no samples"),
        (lambda content: content[:40] + bytes(4) + b"LIST\x64\0\0\0" + bytes(100), "holds no samples"),
        (lambda content: content[:24] + struct.pack("<I", 12345) + content[28:], "none of 8000, 16000, 44100 Hz"),
        (lambda content: content[:20] + struct.pack("<H", 6) + content[22:], "an encoding that is not read"),
        (lambda content: content[:22] + struct.pack("<H", 0) + content[24:], "a block size that does not fit"),
        (lambda content: content[:12] + 2000 * b"junk\0\0\0\0" + content[12:], "has no fmt chunk"),
    ],
)
def test_what_is_no_whole_wav_is_refused_by_its_number(damage, message, decode, tmp_path):
    good = written(tmp_path / "a.wav")
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"(?s)input.*1.*{message}"):
        decode([good, damage(good)])
    assert decode([good, good]).shape == (2, RATE // 2)


def test_samples_that_are_not_finite_are_refused(decode, tmp_path):
    content = written(tmp_path / "a.wav", subtype="FLOAT")
    with pytest.raises(tf.errors.InvalidArgumentError, match="holds samples that are not finite"):
        decode([content[:-4] + struct.pack("<f", np.nan)])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_damaged_files_are_decoded_as_in_training_or_refused(subtype, decode, tmp_path):
    content = written(tmp_path / "a.wav", subtype=subtype)
    whole, refused, compared = decode([content]), 0, 0
    for _, (_, mutant) in zip(range(NUM_MUTANTS // 3), mutations(content, np.random.default_rng(1)), strict=False):
        try:
            found = decode([mutant])[0]
        except tf.errors.InvalidArgumentError:
            refused += 1
            continue
        (tmp_path / "b.wav").write_bytes(mutant)
        try:
            expected = load_clip(tmp_path / "b.wav", RATE)
        except DecodeError:
            continue  # libsndfile is stricter about headers
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        compared += 1
    assert refused > 20 and compared > 20
    np.testing.assert_array_equal(decode([content]), whole)


@pytest.mark.real
def test_published_files_with_odd_chunks(real_audio):
    decode = batch_decoder(WavDecoder(16000, (48000,)))
    for path in sorted((real_audio / "ravdess_native").rglob("*.wav")):
        np.testing.assert_allclose(decode([path.read_bytes()])[0], load_clip(path, 16000), atol=1e-5)
