"""MP3 files without a length, with tags around them, cut or damaged: all samples, or an error."""

import io

import numpy as np
import pytest
import soundfile

from mtl_tf.data.decode import DecodeError, read_audio
from mtl_tf.data.mp3 import read_mp3

ENCODER_DELAY = 576  # of LAME, which its tag tells decoders to drop
SAMPLES = (0.3 * np.sin(np.arange(30001) * 0.1)).astype(np.float32)
SAMPLES[15000:] += 0.1 * np.random.default_rng(0).standard_normal(15001).astype(np.float32)


def encoded(sample_rate: int, bitrate_mode: str) -> bytes:
    target = io.BytesIO()
    with soundfile.SoundFile(
        target, "w", sample_rate, 1, format="MP3", bitrate_mode=bitrate_mode, compression_level=0.3
    ) as file:
        file.write(SAMPLES)
    return target.getvalue()


def without_length(content: bytes) -> bytes:
    """Drops the frame with the length: that up to the second sync word, as the tag itself holds no 0xFFF or 0xFFE."""
    second = content.index(content[:2], 4)
    return content[second:]


@pytest.fixture
def read(tmp_path):
    def write_and_read(content: bytes) -> np.ndarray:
        path = tmp_path / "clip.mp3"
        path.write_bytes(content)
        return read_audio(path)[0][:, 0]

    return write_and_read


@pytest.mark.parametrize("bitrate_mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_a_file_without_a_length_is_read_whole(sample_rate, bitrate_mode, read):
    content = encoded(sample_rate, bitrate_mode)
    whole = read(content)
    assert len(whole) == len(SAMPLES)
    bare = read(without_length(content))
    np.testing.assert_allclose(bare[ENCODER_DELAY:][: len(whole)], whole[: len(bare) - ENCODER_DELAY], atol=1e-6)
    assert len(bare) >= len(whole)


def test_a_variable_bit_rate_without_a_length_is_what_libsndfile_cuts():
    bare = without_length(encoded(16000, "VARIABLE"))
    assert soundfile.info(io.BytesIO(bare)).frames < len(SAMPLES) / 2


def test_tags_around_the_audio_are_passed_over(read):
    content = encoded(16000, "VARIABLE")
    before = b"ID3\x04\0\0\0\0\x02\x01" + bytes(257)  # 2 * 128 + 1 bytes
    after = b"TAG" + b"title\xff\xfb".ljust(125, b"\0")
    for surrounded in (
        before + content,
        content + after,
        before + before + content + bytes(300),
        content + b"APETAGEX..",
    ):
        np.testing.assert_array_equal(read(surrounded), read(content))


def test_a_file_cut_anywhere_is_refused(read):
    content = encoded(16000, "VARIABLE")
    for length in [*range(0, len(content), 97), len(content) - 1]:
        with pytest.raises(DecodeError, match=r"clip\.mp3"):
            read(content[:length])
    with pytest.raises(DecodeError, match="ends in the middle of an MPEG frame"):
        read(without_length(content)[:-1])


def test_a_damaged_frame_header_is_refused(read):
    content = bytearray(without_length(encoded(16000, "CONSTANT")))
    third = 2 * 504  # 72 * 112,000 bit/s / 16,000 Hz bytes a frame
    content[third] = 0
    with pytest.raises(DecodeError, match=f"byte {third} should start an MPEG frame"):
        read(bytes(content))


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\xff\xfd\x80\x00", 417),  # MPEG 1 layer II: 144 * 128,000 / 44,100
        (b"\xff\xff\x80\x00", 276 // 4 * 4),  # MPEG 1 layer I: 4 * (12 * 256,000 / 44,100)
        (b"\xff\xfb\x92\x00", 418),  # MPEG 1 layer III, padded: 144 * 128,000 / 44,100 + 1
        (b"\xff\xf3\x84\xc0", 192),  # MPEG 2 layer III, mono: 72 * 64,000 / 24,000
    ],
)
def test_frame_lengths_by_hand(header, length):
    assert read_mp3(3 * header.ljust(length, b"\x55")).num_frames == 3


def test_noise_under_the_name_of_an_mp3_is_refused_and_a_wav_is_read(read, tmp_path, capfd):
    with pytest.raises(DecodeError, match=r"clip\.mp3: it holds no MPEG frame"):
        read(bytes(500))
    assert capfd.readouterr().err == ""
    soundfile.write(tmp_path / "a.wav", SAMPLES, 8000, "FLOAT")
    np.testing.assert_array_equal(read((tmp_path / "a.wav").read_bytes()), SAMPLES)
