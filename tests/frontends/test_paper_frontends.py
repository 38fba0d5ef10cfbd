import keras
import librosa
import numpy as np
import pytest
import scipy.stats

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.frontends.envelope import Envelope
from mtl_tf.frontends.filter_bank_summary import COURSE, STATISTICS, FilterBankSummary
from mtl_tf.frontends.log_mel import LogMel
from mtl_tf.frontends.picture import Picture

RNG = np.random.default_rng(0)


def noise(length, batch=2):
    return (0.1 * RNG.standard_normal((batch, length)) + 0.02).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [16000, 44100, 11025, 4000])
def test_the_envelope_is_the_loop_of_the_paper(sample_rate):
    length = round(1.37 * sample_rate) + 3
    waveform = noise(length)
    features, mask = (np.asarray(value) for value in Envelope(sample_rate)(waveform))
    assert features.shape == (2, 8000, 1)
    for clip, found, valid in zip(waveform, features[..., 0], mask, strict=True):
        standard = (clip - clip.mean()) / clip.std()
        part = 0
        for second in range(2):
            for index in range(4000):
                first = second * sample_rate + index * sample_rate // 4000
                last = second * sample_rate + (index + 1) * sample_rate // 4000
                assert valid[part] == (first < length)
                if first < length:
                    assert found[part] == pytest.approx(standard[first:last].max(), abs=1e-5)
                else:
                    assert found[part] == 0
                part += 1


def test_the_envelope_of_a_padded_clip_is_its_own():
    layer = Envelope(8000)
    clip = noise(9001, batch=1)
    alone, mask = (np.asarray(value) for value in layer(clip))
    batch = np.concatenate([np.pad(clip, [[0, 0], [0, 20000]]), 30 * noise(29001, batch=1)])
    together, masks = (np.asarray(value) for value in layer(batch, np.array([9001, 29001], np.int32)))
    np.testing.assert_allclose(together[0, : alone.shape[1]], alone[0], atol=1e-5)
    assert masks[0].sum() == mask.sum() and not together[0, mask.sum() :].any()
    assert alone.shape[1] == layer.frames_for(9001)


def test_a_rate_below_the_envelopes_repeats_and_silence_is_finite():
    features, mask = (np.asarray(value) for value in Envelope(1000, frames_per_second=4000)(noise(1000)))
    assert np.isfinite(features).all() and mask.shape == (2, 4000)
    assert (np.asarray(Envelope(8000)(np.zeros((1, 5000), np.float32))[0]) == 0).all()


@pytest.mark.parametrize("window_s", [None, 0.4])
def test_the_summary_is_numpys(window_s):
    layer = FilterBankSummary(
        8000, window_s=window_s, n_fft=1024, hop_length=80, win_length=240, num_mel_bins=24, center=False,
        top_db=None, normalize="none",
    )  # fmt: skip
    waveform = noise(9000)
    features, mask = (np.asarray(value) for value in layer(waveform, np.array([9000, 5000], np.int32)))
    assert features.shape[2] == 168
    for clip, length, found, valid in zip(waveform, (9000, 5000), features, mask, strict=True):
        power = librosa.feature.melspectrogram(
            y=clip[:length], sr=8000, n_fft=1024, hop_length=80, win_length=240, n_mels=24, center=False
        )
        level = librosa.power_to_db(power, top_db=None).T
        size = len(level) if window_s is None else 40
        windows = [level[first : first + size] for first in range(0, len(level), size)]
        assert valid.sum() == len(windows)
        for row, values in zip(found, windows, strict=False):
            quartiles = np.percentile(values, [50, 25, 75], axis=0)
            expected = [values.min(0), values.max(0), values.std(0), values.mean(0), *quartiles]
            np.testing.assert_allclose(row.reshape(7, 24), expected, atol=2e-3)


def test_fewer_statistics_come_in_the_order_asked_for():
    common = {"n_fft": 256, "hop_length": 80, "num_mel_bins": 4, "normalize": "none"}
    waveform = noise(4000)
    every = np.asarray(FilterBankSummary(8000, **common)(waveform)[0]).reshape(2, 1, 7, 4)
    two = np.asarray(FilterBankSummary(8000, statistics=("mean", "minimum"), **common)(waveform)[0])
    places = [STATISTICS.index("mean"), STATISTICS.index("minimum")]
    np.testing.assert_allclose(two.reshape(2, 1, 2, 4), every[:, :, places], atol=1e-5)


@pytest.mark.parametrize("window_s", [None, 0.3])
def test_statistics_of_the_course_are_those_of_numpy_and_scipy(window_s):
    common = {"n_fft": 256, "hop_length": 80, "num_mel_bins": 4, "normalize": "none", "top_db": None}
    clips = noise(4000) * np.linspace(0.1, 1.0, 4000, dtype=np.float32)
    length = np.array([4000, 2600], np.int32)
    layer = FilterBankSummary(8000, statistics=COURSE, window_s=window_s, **common)
    found, valid = (np.asarray(each) for each in layer(clips, length))
    levels = LogMel(8000, **common)
    for row, samples in enumerate(length):
        level = np.asarray(levels(clips[row : row + 1, :samples])[0])[0]
        size = len(level) if window_s is None else 30
        windows = [level[first : first + size] for first in range(0, len(level), size)]
        assert valid[row].sum() == len(windows)
        for values, part in zip(found[row], windows, strict=False):
            time = np.linspace(-1.0, 1.0, len(part))
            slope = np.polyfit(time, part, 1)[0]
            added = np.diff(part, axis=0)
            expected = [slope, np.abs(added).mean(0), added.std(0), scipy.stats.skew(part, axis=0)]
            np.testing.assert_allclose(values.reshape(4, 4), expected, atol=5e-3)


def test_the_course_of_a_single_frame_is_none():
    layer = FilterBankSummary(8000, statistics=COURSE, n_fft=256, hop_length=80, num_mel_bins=4, window_s=0.01)
    assert not np.asarray(layer.raw(noise(256))[0]).any()


def test_a_picture_is_whole_coloured_and_its_own():
    layer = Picture(16000, size=64, n_fft=512, hop_length=160)
    clip = noise(12000, batch=1)
    alone, mask = (np.asarray(value) for value in layer(clip))
    assert alone.shape == (1, 64, 64, 3) and mask.all()
    assert alone.min() >= 0 and alone.max() <= 1
    padded = np.asarray(layer(np.pad(clip, [[0, 0], [0, 9000]]), np.array([12000], np.int32))[0])
    np.testing.assert_allclose(padded, alone, atol=0.02)  # one step of 256 colours
    louder = np.asarray(layer(5 * clip)[0])
    np.testing.assert_allclose(louder, alone, atol=0.02)


def test_a_grey_picture_shows_a_tone_where_it_is():
    layer = Picture(16000, size=100, color_map=None, n_fft=512, hop_length=160)
    time_s = np.arange(16000) / 16000
    tone = np.where(time_s < 0.5, np.sin(2 * np.pi * 2000 * time_s), np.sin(2 * np.pi * 6000 * time_s))
    picture = np.asarray(layer(tone[None].astype(np.float32))[0])[0, ..., 0]
    assert picture[10:40].mean(axis=0).argmax() == pytest.approx(25, abs=1)
    assert picture[60:90].mean(axis=0).argmax() == pytest.approx(75, abs=1)
    assert 0.8 < picture.max() <= 1  # resizing averages decibels around the tone


def test_a_picture_as_high_as_the_spectrum_keeps_its_bins():
    layer = Picture(16000, size=(20, 129), color_map=None, n_fft=256, hop_length=128, center=False)
    clip = noise(256 + 19 * 128, batch=1)  # 20 frames: nothing is to be stretched either
    power = np.abs(librosa.stft(clip[0], n_fft=256, hop_length=128, center=False)).T ** 2
    level = 10 * np.log10(np.maximum(power, 1e-10))
    expected = np.clip(1 + (level - level.max()) / 80, 0, 1)
    found = np.asarray(layer(clip)[0])
    assert found.shape == (1, 20, 129, 1)
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["envelope", "filter_bank_summary", "picture"])
def test_they_survive_their_config(name):
    options = {"sample_rate": 8000} | ({} if name == "envelope" else {"n_fft": 256, "hop_length": 80})
    layer = build_frontend(name, options)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    waveform = noise(4000)
    np.testing.assert_array_equal(np.asarray(copy(waveform)[0]), np.asarray(layer(waveform)[0]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("picture", {"color_map": "rainbowish"}),
        ("picture", {"top_db": None}),
        ("picture", {"size": 0}),
        ("picture", {"size": [10]}),
        ("filter_bank_summary", {"statistics": ["mode"]}),
        ("envelope", {"frames_per_second": 0}),
    ],
)
def test_wrong_options_are_explained(name, options):
    common = {"sample_rate": 8000} | ({} if name == "envelope" else {"n_fft": 256, "hop_length": 80})
    with pytest.raises(UserError, match=rf"frontend(={name}|\.)"):
        build_frontend(name, common | options)
