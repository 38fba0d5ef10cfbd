"""Normalisation of features over a clip and over a group of clips."""

import keras
import numpy as np
import pytest

from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk
from mtl_tf.tasks.task import Task

RATE = 8000
OPTIONS = {"sample_rate": RATE, "n_fft": 128, "hop_length": 64, "num_mel_bins": 8}


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    waveform = rng.normal(size=(3, 4000)).astype(np.float32) * np.array([[0.3], [0.03], [0.003]], np.float32)
    return waveform, np.array([4000, 2500, 1200], np.int32)


def frontend(**options):
    return build_frontend("log_mel", OPTIONS | options)


@pytest.mark.parametrize("normalize", ["per_bin", "global"])
def test_clips_normalised_by_themselves_have_mean_0_and_deviation_1(clips, normalize):
    layer = frontend(normalize=normalize, normalize_over="clip")
    features, mask = (np.asarray(values) for values in layer(*clips))
    axis = 0 if normalize == "per_bin" else None
    for own, kept in zip(features, mask, strict=True):
        np.testing.assert_allclose(own[kept].mean(axis=axis), 0.0, atol=1e-4)
        np.testing.assert_allclose(own[kept].std(axis=axis), 1.0, atol=1e-3)
        assert not own[~kept].any()


def test_a_silent_clip_is_finite_when_normalised_by_itself():
    assert np.isfinite(np.asarray(frontend(normalize_over="clip")(np.zeros((1, 2000), np.float32))[0])).all()


@pytest.mark.parametrize("normalize", ["per_bin", "global"])
def test_statistics_of_a_group_are_those_of_all_its_frames(clips, normalize):
    layer = frontend(normalize=normalize, normalize_over="speaker")
    plain = frontend(normalize="none")
    features, mask = (np.asarray(values) for values in plain(*clips))
    frames = features[mask].astype(np.float64)
    mean, deviation = (np.asarray(values) for values in layer.measure(*layer.raw(*clips), axes=(0, 1)))
    expected = (frames.mean(0), frames.std(0)) if normalize == "per_bin" else (frames.mean(), frames.std())
    np.testing.assert_allclose(mean[0], np.broadcast_to(expected[0], 8), rtol=1e-4)
    np.testing.assert_allclose(deviation[0], np.broadcast_to(expected[1], 8), rtol=1e-4)
    spread = layer.spread(frames.mean(0), frames.std(0))
    np.testing.assert_allclose(spread[0], mean[0], rtol=1e-4)
    np.testing.assert_allclose(spread[1], deviation[0], rtol=1e-4)


def test_given_statistics_normalise_and_training_clips_stand_in_for_them(clips):
    layer = frontend(normalize_over="speaker")
    layer(*clips)
    layer.set_statistics(np.full(8, -20.0), np.full(8, 4.0))
    raw, mask = (np.asarray(values) for values in layer.raw(*clips))
    mean, deviation = np.arange(24.0).reshape(3, 8), np.arange(1.0, 25.0).reshape(3, 8)
    found = np.asarray(layer(*clips, mean.astype(np.float32), deviation.astype(np.float32))[0])
    expected = np.where(mask[..., None], (raw - mean[:, None]) / deviation[:, None], 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    alone = np.where(mask[..., None], (raw + 20.0) / 4.0, 0.0)
    np.testing.assert_allclose(np.asarray(layer(*clips)[0]), alone, rtol=1e-4, atol=1e-4)


def test_a_model_takes_statistics_or_goes_without_and_keeps_both_when_saved(clips, tmp_path):
    task = Task("word", ("a", "b"))
    model = build_model(
        frontend(normalize_over="speaker"), build_trunk("compact_cnn", {"filters": [4, 4]}), {"word": task}
    )
    known = {"mean": np.full((3, 8), -30.0, np.float32), "deviation": np.full((3, 8), 5.0, np.float32)}
    with_known = np.asarray(answer(model, *clips, **known)["word"])
    without = np.asarray(answer(model, *clips)["word"])
    assert np.abs(with_known - without).max() > 1e-3
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(answer(loaded, *clips, **known)["word"]), with_known, atol=1e-6)
    np.testing.assert_allclose(np.asarray(answer(loaded, *clips)["word"]), without, atol=1e-6)
    one = np.asarray(
        answer(model, clips[0][:1], clips[1][:1], **{name: row[:1] for name, row in known.items()})["word"]
    )
    np.testing.assert_allclose(one, with_known[:1], atol=1e-5)
