import struct

import numpy as np
import pytest
import soundfile
import soxr
from scipy import signal

from mtl_tf.data.decode import DecodeError, load_clip, read_audio, resample
from mtl_tf.data.wav import read_layout

RATE = 16000
RNG = np.random.default_rng(0)
STEREO = (0.3 * np.sin(np.arange(RATE) * np.array([[0.05], [0.11]])).T + 0.01 * RNG.standard_normal((RATE, 2))).astype(
    np.float32
)

# container, subtype, largest error against what was written
FORMATS = [
    ("wav", "PCM_U8", 2**-7),
    ("wav", "PCM_16", 2**-15),
    ("wav", "PCM_24", 2**-23),
    ("wav", "PCM_32", 2**-24),
    ("wav", "FLOAT", 0.0),
    ("wav", "DOUBLE", 0.0),
    ("wav", "ULAW", 0.02),
    ("flac", "PCM_S8", 2**-7),
    ("flac", "PCM_16", 2**-15),
    ("flac", "PCM_24", 2**-23),
    ("ogg", "VORBIS", 0.1),
    ("ogg", "OPUS", None),
    ("mp3", "MPEG_LAYER_III", None),
]


@pytest.mark.parametrize(("container", "subtype", "error"), FORMATS, ids=lambda value: str(value))
@pytest.mark.parametrize("channels", [1, 2])
def test_every_encoding_is_read(container, subtype, error, channels, tmp_path):
    path = tmp_path / f"clip.{container}"
    written = STEREO[:, :channels]
    soundfile.write(path, written, RATE, subtype)
    samples, info = read_audio(path)
    assert samples.dtype == np.float32
    assert (info.sample_rate, info.channels, info.subtype) == (RATE, channels, subtype)
    if error is not None:
        assert samples.shape == written.shape
        assert np.abs(samples - written).max() <= error
    else:
        assert abs(len(samples) - len(written)) < 0.2 * RATE


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", STEREO, RATE, "FLOAT")
    np.testing.assert_allclose(load_clip(tmp_path / "a.wav", RATE), STEREO.mean(axis=1), atol=1e-7)


def test_a_part_of_a_file_is_cut_at_the_sample(tmp_path):
    soundfile.write(tmp_path / "a.wav", STEREO[:, 0], RATE, "FLOAT")
    np.testing.assert_array_equal(load_clip(tmp_path / "a.wav", RATE, 4000, 8000), STEREO[4000:12000, 0])


def test_a_part_beyond_the_end_is_an_error(tmp_path):
    soundfile.write(tmp_path / "a.wav", STEREO[:, 0], RATE)
    with pytest.raises(DecodeError, match="it holds 16000 of the 20000 frames that the clip needs"):
        load_clip(tmp_path / "a.wav", RATE, 12000, 8000)


@pytest.mark.parametrize("container", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.1])
def test_a_file_cut_short_is_an_error_that_names_it(container, kept, tmp_path):
    path = tmp_path / f"clip.{container}"
    soundfile.write(path, STEREO, RATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DecodeError, match=rf"clip\.{container}"):
        read_audio(path)


def test_missing_empty_and_not_finite_files_are_named(tmp_path):
    with pytest.raises(DecodeError, match="no such file"):
        read_audio(tmp_path / "none.wav")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(DecodeError, match="the file is empty"):
        read_audio(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan], np.float32), RATE, "FLOAT")
    with pytest.raises(DecodeError, match="not finite"):
        read_audio(tmp_path / "nan.wav")


def test_odd_trailing_chunk_is_read_but_not_vetted_for_the_graph(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, STEREO[:, 0], RATE, "PCM_16")
    assert read_layout(path).plain_pcm_bits == 16
    content = bytearray(path.read_bytes()) + b"_PMX" + struct.pack("<I", 5) + b"hello"
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    samples, info = read_audio(path)
    assert len(samples) == len(STEREO)
    assert info.plain_pcm_bits is None


@pytest.mark.parametrize(("from_rate", "to_rate"), [(48000, 16000), (44100, 16000), (22050, 16000), (8000, 16000)])
def test_resampling_is_soxr_quality_without_delay(from_rate, to_rate):
    # Band-limited noise, so that the error is that of the passband.
    low_pass = signal.firwin(511, 0.4 * min(from_rate, to_rate), fs=from_rate)
    samples = signal.lfilter(low_pass, 1.0, RNG.standard_normal(from_rate)).astype(np.float32)
    ours = resample(samples, from_rate, to_rate)
    best = soxr.resample(samples.astype(np.float64), from_rate, to_rate, quality="VHQ")
    length = min(len(ours), len(best))
    error = np.sum((ours[:length] - best[:length]) ** 2) / np.sum(best[:length] ** 2)
    assert 10 * np.log10(error) < -60
    impulse = np.zeros(from_rate, np.float32)
    impulse[from_rate // 2] = 1
    assert abs(int(np.argmax(resample(impulse, from_rate, to_rate))) - to_rate // 2) <= 1


@pytest.mark.real
def test_untouched_ravdess_files_are_all_read(real_audio):
    paths = sorted((real_audio / "ravdess_native").rglob("*.wav"))
    assert paths
    channels = set()
    for path in paths:
        samples, info = read_audio(path)
        assert info.sample_rate == 48000
        assert 2.5 < len(samples) / 48000 < 6
        channels.add(info.channels)
    assert channels == {1, 2}


def test_a_long_wav_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, STEREO, RATE, "PCM_16", format="RF64")
    assert read_audio(path)[0].shape == STEREO.shape
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DecodeError, match="it was cut: it holds 15750 of the 16000 frames it announces"):
        read_audio(path)


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "FLAC"])
def test_a_part_of_a_file_is_that_part(container, tmp_path):
    path = tmp_path / "clip.audio"
    soundfile.write(path, STEREO, RATE, "PCM_16", format=container)
    whole, _ = soundfile.read(path, dtype="float32")
    for start, frames in ((0, 7), (100, 250), (len(whole) - 5, 5)):
        samples, info = read_audio(path, start, frames)
        np.testing.assert_array_equal(samples, whole[start : start + frames])
        assert (info.num_frames, info.channels, info.container) == (len(whole), 2, container)
    with pytest.raises(DecodeError, match="that the clip needs"):
        read_audio(path, len(whole) - 5, 6)
