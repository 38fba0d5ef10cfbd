"""The network that hears a spectrogram and is told the statistics of the voice."""

import numpy as np
import pytest

from mtl_tf import compose
from mtl_tf.augment.build import build_augmentations
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk, count_parameters
from mtl_tf.models.voice_cnn import VoiceCNN
from mtl_tf.tasks.task import Task

TASKS = {"emotion": Task("emotion", tuple("abcdefgh"))}


def frontend(name="mel_and_voice", **options):
    return build_frontend(name, {"sample_rate": 16000, "n_fft": 1024, "hop_length": 320, "num_mel_bins": 64} | options)


def clips():
    return np.random.default_rng(0).uniform(-0.3, 0.3, (2, 12000)).astype(np.float32)


def test_frames_are_the_spectrogram_and_the_summary():
    found = np.asarray(frontend(normalize="none")(clips())[0])
    levels = np.asarray(frontend("log_mel", normalize="none")(clips())[0])
    options = {"hop_length": 160, "num_mel_bins": 26, "fmin_hz": 20.0, "normalize": "none"}
    summary = np.asarray(frontend("voice_summary", **options)(clips())[0])
    np.testing.assert_allclose(found[:, :, :64], levels, atol=1e-4)
    np.testing.assert_allclose(found[:, :, 64:], np.repeat(summary, levels.shape[1], axis=1), rtol=1e-4, atol=1e-4)


def test_it_is_as_small_as_the_default_network():
    model = build_model(frontend(), build_trunk("voice_cnn", {}), TASKS)
    assert 250_000 < count_parameters(model) <= 300_000


def test_both_parts_are_heard():
    """The answer changes with the spectrogram alone, and with the summary alone."""
    layer, trunk = frontend(normalize="none"), VoiceCNN()
    features, mask = (np.asarray(part) for part in layer(clips()))
    features = (features - features.mean(axis=(0, 1))) / (features.std(axis=(0, 1)) + 1.0)
    found = np.asarray(trunk(features, frame_mask=mask))
    assert found.shape == (2, 76 + 64)
    louder, other = features.copy(), features.copy()
    louder[:, 10:20, :64] += 1.0
    other[:, :, 64:] *= -1.0
    assert np.abs(np.asarray(trunk(louder, frame_mask=mask)) - found)[:, :76].max() > 1e-3
    np.testing.assert_allclose(np.asarray(trunk(louder, frame_mask=mask))[:, 76:], found[:, 76:])
    np.testing.assert_allclose(np.asarray(trunk(other, frame_mask=mask))[:, :76], found[:, :76], atol=1e-6)
    assert np.abs(np.asarray(trunk(other, frame_mask=mask)) - found)[:, 76:].max() > 1e-3


def test_a_value_far_from_all_of_training_counts_no_more_than_five_deviations():
    trunk = VoiceCNN(num_mel_bins=8, filters=[4])
    features = np.random.default_rng(1).normal(size=(1, 20, 12)).astype(np.float32)
    features[:, :, 8:] = 5.0
    at_limit = np.asarray(trunk(features))
    features[:, :, 8:] = 1e6
    np.testing.assert_allclose(np.asarray(trunk(features)), at_limit)


@pytest.mark.parametrize("name", ["spec_augment", "mix_style", "cut_features"])
def test_what_would_cut_the_summary_is_refused(name):
    layers = build_augmentations({name: {}}, 16000)
    with pytest.raises(UserError, match=f"augment={name} is for spectrograms"):
        build_model(frontend(), build_trunk("voice_cnn", {}), TASKS, layers)


@pytest.mark.parametrize("bins", [64, 128])
def test_network_and_front_end_are_for_each_other(bins):
    for name, trunk in (("log_mel", "voice_cnn"), ("mel_and_voice", "residual_cnn")):
        with pytest.raises(UserError, match="model=voice_cnn and frontend=mel_and_voice are for each other"):
            build_model(frontend(name, num_mel_bins=bins), build_trunk(trunk, {}), TASKS)


@pytest.mark.parametrize("bins", [16, 40, 80])
def test_the_spectrogram_is_as_wide_as_the_front_end_makes_it(bins):
    layer = frontend(num_mel_bins=bins)
    trunk = build_model(layer, build_trunk("voice_cnn", {"filters": [4]}), TASKS).get_layer("trunk")
    assert trunk.num_mel_bins == bins and trunk.summary.kernel.shape[0] == layer.num_bins - bins


@pytest.mark.parametrize("name", ["mel_and_voice", "voice_summary", "filter_bank_summary"])
def test_a_clips_own_statistics_would_leave_nothing_of_a_summary(name):
    with pytest.raises(UserError, match="nothing would be left"):
        build_frontend(name, {"sample_rate": 16000, "n_fft": 1024, "hop_length": 160, "normalize_over": "clip"})


def test_clips_are_answered_by_windows_too():
    from mtl_tf.models.windows import windows_of

    layer = frontend()
    model = build_model(layer, build_trunk("voice_cnn", {}), TASKS, windows=windows_of(layer, 0.4, None))
    found = np.asarray(answer(model, clips(), np.array([12000, 7000], np.int32))["emotion"])
    alone = np.asarray(answer(model, clips()[1:, :7000])["emotion"])
    np.testing.assert_allclose(found[1:], alone, atol=1e-4)


def test_a_pair_that_does_not_fit_is_told_of_before_anything_is_read(small_run, tmp_path):
    with pytest.raises(UserError, match="are for each other"):
        run_experiment(compose.compose([*small_run, "model=voice_cnn", f"data_root={tmp_path / 'nowhere'}"]))
