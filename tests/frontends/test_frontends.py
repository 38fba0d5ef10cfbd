import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.frontends.filter_bank_summary import FilterBankSummary
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.frontends.log_mel import LogMel
from mtl_tf.frontends.spectrogram import Spectrogram

SETTINGS = [(16000, 800, 400, 128), (8000, 256, 80, 40), (22050, 1024, 300, 64)]
LENGTHS = (12000, 16123)  # the second divides by none of the hops
RNG = np.random.default_rng(0)


def noise(length, batch=2):
    return (0.1 * RNG.standard_normal((batch, length))).astype(np.float32)


def relative_error(ours, reference):
    assert ours.shape == reference.shape
    return np.abs(ours - reference).max() / np.abs(reference).max()


def layers():
    common = {"n_fft": 400, "hop_length": 160, "normalize": "none"}
    return [
        LogMel(16000, num_mel_bins=40, **common),
        LogMel(16000, num_mel_bins=40, center=False, output="power", **common),
        Spectrogram(16000, win_length=320, output="db", **common),
        Spectrogram(16000, window="hamming", **common),
        Spectrogram(16000, center=False, output="db", **common),
        FilterBankSummary(16000, num_mel_bins=8, center=False, top_db=None, **common),
        FilterBankSummary(16000, num_mel_bins=8, window_s=0.1, **common),
    ]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("sample_rate", "n_fft", "hop_length", "num_mel_bins"), SETTINGS)
@pytest.mark.parametrize("top_db", [80.0, None])
def test_log_mel_is_librosas(sample_rate, n_fft, hop_length, num_mel_bins, length, top_db):
    waveform = noise(length)
    layer = LogMel(sample_rate, num_mel_bins, n_fft=n_fft, hop_length=hop_length, top_db=top_db, normalize="none")
    features = np.asarray(layer(waveform)[0])
    for ours, clip in zip(features, waveform, strict=True):
        power = librosa.feature.melspectrogram(
            y=clip, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=num_mel_bins
        )
        assert relative_error(ours, librosa.power_to_db(power, top_db=top_db).T) < 1e-3


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "boxcar"])
@pytest.mark.parametrize("output", ["magnitude", "power", "db"])
@pytest.mark.parametrize("center", [True, False])
def test_spectrogram_is_librosas(length, window, output, center):
    waveform = noise(length)
    layer = Spectrogram(
        16000, output, n_fft=512, hop_length=200, win_length=400, window=window, center=center, normalize="none"
    )
    features = np.asarray(layer(waveform)[0])
    for ours, clip in zip(features, waveform, strict=True):
        magnitude = np.abs(librosa.stft(clip, n_fft=512, hop_length=200, win_length=400, window=window, center=center))
        scale = {"magnitude": lambda x: x, "power": np.square, "db": librosa.amplitude_to_db}[output]
        assert relative_error(ours, scale(magnitude).T) < 1e-3


@pytest.mark.parametrize("layer", layers(), ids=lambda layer: f"{type(layer).__name__}-{layer.output_scale}")
class TestEveryFrontEnd:
    def test_a_clip_in_a_batch_is_the_clip_alone(self, layer: FrontEnd):
        waveform = noise(9000, batch=3)
        waveform[1] *= 100  # a loud neighbour
        together = np.asarray(layer(waveform)[0])
        for index in range(3):
            alone = np.asarray(layer(waveform[index : index + 1])[0])[0]
            np.testing.assert_allclose(together[index], alone, rtol=1e-4, atol=1e-4)

    def test_padding_changes_nothing_and_is_masked(self, layer: FrontEnd):
        clip = noise(5001, batch=1)
        clip[:, -100:] *= 30  # an end that falls into no whole frame
        padded = np.concatenate([clip, 100 * noise(4000, batch=1)], axis=1)  # what is padding may be anything
        longer, mask = (np.asarray(values) for values in layer(padded, np.array([5001], np.int32)))
        alone = np.asarray(layer(clip)[0])
        frames = alone.shape[1]
        np.testing.assert_allclose(longer[:, :frames], alone, rtol=1e-4, atol=1e-4)
        assert not longer[:, frames:].any()
        assert mask.shape == longer.shape[:2]
        assert mask.sum() == frames and mask[0, :frames].all()

    def test_silence_at_the_end_is_no_padding(self, layer: FrontEnd):
        clip = np.pad(noise(5000, batch=1), [[0, 0], [0, 4000]])
        features, mask = (np.asarray(values) for values in layer(clip))
        assert mask.all() and mask.shape[1] == features.shape[1] == layer.count_frames(9000)

    def test_silence_is_finite_and_has_a_frame(self, layer: FrontEnd):
        silent = np.zeros((2, 4000), np.float32)
        assert np.isfinite(np.asarray(layer(silent)[0])).all()
        assert np.asarray(layer(silent)[1])[:, 0].all()

    def test_the_number_of_frames_is_as_announced(self, layer: FrontEnd):
        for length in (400, 401, 559, 560, 8000):
            assert layer(noise(length))[0].shape == (2, layer.frames_for(length), layer.num_bins)
            assert layer.compute_output_shape((2, length))[0] == (2, layer.frames_for(length), layer.num_bins)

    def test_it_survives_its_config(self, layer: FrontEnd):
        waveform = noise(4000)
        copy = type(layer).from_config(layer.get_config())
        np.testing.assert_array_equal(np.asarray(copy(waveform)[0]), np.asarray(layer(waveform)[0]))

    def test_half_precision_outside_leaves_it_in_float32(self, layer: FrontEnd):
        keras.config.set_dtype_policy("mixed_float16")
        try:
            copy = type(layer).from_config(layer.get_config() | {"dtype": "mixed_float16"})
            features, _ = copy(noise(4000))
        finally:
            keras.config.set_dtype_policy("float32")
        assert keras.backend.standardize_dtype(features.dtype) == "float32"


def test_resizing_stretches_a_clips_own_frames():
    common = {"n_fft": 400, "hop_length": 160, "normalize": "none"}
    clip = noise(16000, batch=1)
    raw = np.asarray(LogMel(16000, 20, **common)(clip)[0])[0]
    layer = LogMel(16000, 20, num_frames=50, fit="resize", **common)
    for padding in (0, 9000):
        features, mask = (np.asarray(value) for value in layer(np.pad(clip, [[0, 0], [0, padding]]), np.array([16000])))
        assert features.shape == (1, 50, 20) and mask.shape == (1, 50) and mask.all()
        expected = tf.image.resize(raw[:, :, None], (50, 20), antialias=True)[:, :, 0]  # as pictures are shrunk
        np.testing.assert_allclose(features[0], expected, atol=1e-3)


def test_fixed_number_of_frames_cuts_and_pads_with_the_value():
    layer = LogMel(16000, 128, n_fft=800, hop_length=400, num_frames=256, padding_value=-1.0, normalize="none")
    short = np.asarray(layer(noise(16000))[0])
    assert short.shape == (2, 256, 128)
    assert (short[:, 41:] == -1).all() and (short[:, 40] != -1).any()
    long = np.asarray(layer(noise(120000))[0])
    assert long.shape == (2, 256, 128) and (long[:, 255] != -1).any()
    assert np.asarray(layer(noise(16000))[1]).sum() == 2 * 41


@pytest.mark.parametrize("normalize", ["per_bin", "global"])
def test_statistics_normalise_and_are_saved_with_a_model(normalize, tmp_path):
    waveform = noise(16000)
    raw = np.asarray(LogMel(16000, 40, n_fft=400, hop_length=160, normalize="none", top_db=None)(waveform)[0])
    layer = LogMel(16000, 40, n_fft=400, hop_length=160, normalize=normalize, top_db=None)
    inputs = keras.Input((None,))
    model = keras.Model(inputs, layer(inputs)[0])
    layer.set_statistics(raw.mean(axis=(0, 1)), raw.std(axis=(0, 1)))
    features = np.asarray(model(waveform))
    axis = (0, 1) if normalize == "per_bin" else None
    np.testing.assert_allclose(features.mean(axis=axis), 0, atol=1e-3)
    np.testing.assert_allclose(features.std(axis=axis), 1, atol=1e-3)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(again(waveform)), features)
    assert not layer.trainable_variables


@pytest.mark.parametrize(
    "options",
    [
        {"n_fft": 400, "hop_length": 0},
        {"n_fft": 400, "hop_length": 100, "win_length": 500},
        {"n_fft": 400, "hop_length": 100, "window": "nonesuch"},
        {"n_fft": 400, "hop_length": 100, "fmax_hz": 9000.0},
        {"n_fft": 400, "hop_length": 100, "output": "loud"},
        {"n_fft": 400, "hop_length": 100, "normalize": "yes"},
        {"n_fft": 400, "hop_length": 100, "fit": "crop"},
        {"n_fft": 400, "hop_length": 100, "fit": "resize"},
        {"n_fft": 400, "hop_length": 100, "top_db": -5},
    ],
)
def test_values_that_do_not_go_together_are_refused(options):
    with pytest.raises(UserError, match="frontend=log_mel"):
        build_frontend("log_mel", {"sample_rate": 16000, **options})


@pytest.mark.parametrize(
    ("key", "value"), [("n_fft", "abc"), ("num_mel_bins", 1.5), ("center", 7), ("window", 3), ("top_db", "x")]
)
def test_a_value_of_a_wrong_type_is_named(key, value):
    with pytest.raises(UserError, match=rf"frontend\.{key}={value!r}: input should be a valid"):
        build_frontend("log_mel", {"sample_rate": 16000, "n_fft": 400, "hop_length": 100, key: value})
