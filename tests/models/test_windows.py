"""The answer to a clip as the mean of those to its windows, against the same network asked for each window alone."""

import keras
import numpy as np
import pytest
from small_models import LOG_MEL, SMALL, SUMMARY, TASKS

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk, without_augmentations
from mtl_tf.models.embedding import embedding_of
from mtl_tf.models.windows import SplitWindows, windows_of
from mtl_tf.tasks.task import Task
from mtl_tf.training.on_features import features_model

FRAMES, HOP = 20, 7


def pair(name):
    """The same network with and without windows."""
    built = []
    for windows in (SplitWindows(FRAMES, HOP, name="windows"), None):
        options = dict(LOG_MEL)
        frontend = build_frontend(options.pop("name"), options)
        built.append(build_model(frontend, build_trunk(name, SMALL[name]), TASKS, windows=windows))
    cut, whole = built
    rng = np.random.default_rng(0)
    for variable in cut.variables:
        if variable.dtype == "float32" and not variable.name.startswith("moving_variance"):
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return cut, without_augmentations(cut, whole)


def features_of(model, waveform):
    return np.asarray(model.get_layer("frontend")(waveform)[0])


@pytest.mark.parametrize("name", ["residual_cnn", "compact_cnn", "crnn", "mel_cnn", "branched_cnn", "fu2020"])
@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.28, 0.5, 0.61])
def test_the_answer_is_the_mean_over_windows(name, seconds):
    cut, whole = pair(name)
    waveform = np.random.default_rng(1).uniform(-0.5, 0.5, (1, int(seconds * 8000))).astype(np.float32)
    features, ask = features_of(whole, waveform), features_model(whole)
    count = features.shape[1]
    starts = [0] if count <= FRAMES else range(0, count - FRAMES + HOP, HOP)
    answers = []
    for start in starts:
        part = features[:, start : start + FRAMES]
        answers.append(ask([part, np.ones(part.shape[:2], bool)]))
    assert len(answers) == max(0, -(-(count - FRAMES) // HOP)) + 1
    found = answer(cut, waveform)
    for task in TASKS:
        wanted = np.mean([np.asarray(each[task]) for each in answers], axis=0)
        np.testing.assert_allclose(found[task], wanted, atol=2e-5)


@pytest.mark.parametrize("name", ["residual_cnn", "crnn", "cab_cnn"])
def test_a_clip_is_answered_alike_alone_and_in_a_batch(name):
    options = dict(LOG_MEL)
    frontend = build_frontend(options.pop("name"), options)
    model = build_model(frontend, build_trunk(name, SMALL[name]), TASKS, windows=SplitWindows(FRAMES, HOP))
    embed = keras.Model(model.input, {"embedding": embedding_of(model)})
    waveform = np.random.default_rng(2).uniform(-0.5, 0.5, (3, 6000)).astype(np.float32)
    length = np.array([6000, 3100, 900], np.int32)
    for asked in (model, embed):
        together = answer(asked, waveform, length)
        for row, count in enumerate(length):
            alone = answer(asked, waveform[row : row + 1, :count])
            for key, values in alone.items():
                np.testing.assert_allclose(np.asarray(together[key])[row], np.asarray(values)[0], atol=2e-5)


def test_training_hears_clips_in_one_piece():
    cut, whole = pair("residual_cnn")
    waveform = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 6000)).astype(np.float32)
    for task in TASKS:
        found, wanted = (answer(model, waveform, training=True)[task] for model in (cut, whole))
        assert found.shape == wanted.shape and np.isfinite(np.asarray(found)).all()
    assert np.abs(np.asarray(answer(cut, waveform)["emotion"] - answer(whole, waveform)["emotion"])).max() > 1e-4


def test_a_model_with_windows_is_saved_and_loaded(tmp_path):
    cut, _ = pair("residual_cnn")
    cut.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    waveform = np.random.default_rng(4).uniform(-0.5, 0.5, (2, 5000)).astype(np.float32)
    np.testing.assert_allclose(answer(again, waveform)["emotion"], answer(cut, waveform)["emotion"], atol=1e-6)


def frontend_of(options):
    options = dict(options)
    return build_frontend(options.pop("name"), options)


def test_seconds_become_frames():
    layer = windows_of(frontend_of(LOG_MEL), 0.5, None)
    assert (layer.window_frames, layer.hop_frames) == (51, 25)  # centred frames every 10 ms
    assert windows_of(frontend_of(LOG_MEL), 0.5, 0.1).hop_frames == 10
    assert windows_of(frontend_of(LOG_MEL), None, None) is None


@pytest.mark.parametrize(
    ("options", "window_s", "hop_s", "message"),
    [
        (LOG_MEL, None, 0.1, "needs pipeline.window_s"),
        (LOG_MEL, 0.5, 0.6, "would leave parts of a clip out"),
        (LOG_MEL, 0.01, None, "shorter than one analysis frame of 0.032 s"),
        (LOG_MEL | {"num_frames": 40}, 0.5, None, "the same number of frames"),
        (SUMMARY | {"window_s": None}, 0.5, None, "the same number of frames"),
    ],
)
def test_what_cannot_be_cut_is_refused(options, window_s, hop_s, message):
    with pytest.raises(UserError, match=message):
        windows_of(frontend_of(options), window_s, hop_s)


def test_events_are_not_cut():
    tasks = {"event": Task("event", ("a", "b"), of_frames=True)}
    with pytest.raises(UserError, match="task event asks every step"):
        build_model(frontend_of(LOG_MEL), build_trunk("crnn", SMALL["crnn"]), tasks, windows=SplitWindows(9, 4))
