"""Steps in time: their number, their time, and that padding changes none of them."""

import keras
import numpy as np
import pytest
from small_models import FRONT_ENDS, LOG_MEL, SMALL

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import TRUNKS, answer, build_model, build_trunk
from mtl_tf.models.steps import SteppedTrunk, model_steps, steps_of
from mtl_tf.tasks.task import Task

STEPPED = [name for name, trunk in TRUNKS.items() if issubclass(trunk, SteppedTrunk)]
TASKS = {
    "event": Task("event", ("cat", "dog"), "frame_f1", exclusive=False, of_frames=True),
    "sound": Task("sound", ("music", "neither", "speech"), "frame_f1", of_frames=True, background="neither"),
    "emotion": Task("emotion", tuple("abc")),
}
RNG = np.random.default_rng(0)


def model_of(name, tasks=TASKS):
    options = dict(FRONT_ENDS.get(name, LOG_MEL)) | ({"num_frames": None} if name == "gresnet" else {})
    return build_model(build_frontend(options.pop("name"), options), build_trunk(name, SMALL[name]), tasks)


def noise(samples, batch=2):
    return (0.1 * RNG.standard_normal((batch, samples))).astype(np.float32)


def test_the_trunks_that_have_steps():
    assert {"compact_cnn", "mel_cnn", "gresnet", "fu2020", "cab_cnn", "crnn"} == set(STEPPED)


@pytest.mark.parametrize("name", STEPPED)
class TestEveryTrunk:
    @pytest.mark.parametrize("samples", [8000, 9001, 12345])
    def test_there_are_as_many_steps_as_announced(self, name, samples):
        model = model_of(name)
        steps = steps_of(model, TASKS)
        found = answer(model, noise(samples))
        assert found["event"].shape == (2, steps.count(samples), 2)
        assert found["sound"].shape == (2, steps.count(samples), 3) and found["emotion"].shape == (2, 3)
        np.testing.assert_allclose(np.asarray(found["sound"]).sum(axis=-1), 1, rtol=1e-5)
        # The last step ends about where the clip does; an envelope has whole seconds.
        end_s = steps.start_s + steps.count(samples) * steps.period_s
        assert abs(end_s - samples / 8000) <= max(3 * steps.period_s, 1.0 if name == "cab_cnn" else 0.0)

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the main backend")
    def test_padding_changes_no_step(self, name):
        if name == "gresnet":
            pytest.skip("its pictures have no mask, so what is padding is part of them")
        model = model_of(name)
        steps, waveform = steps_of(model, TASKS), noise(16_000)
        alone = answer(model, waveform[:1, :9001])
        together = answer(model, waveform, np.array([9001, 16_000], np.int32))
        own = steps.count(9001)
        for task in ("event", "sound"):
            np.testing.assert_allclose(
                np.asarray(together[task])[0, :own], np.asarray(alone[task])[0], atol=1e-5, err_msg=task
            )

    def test_it_survives_its_file(self, name, tmp_path):
        model, waveform = model_of(name), noise(9000)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        for task, values in answer(model, waveform).items():
            np.testing.assert_array_equal(np.asarray(answer(again, waveform)[task]), np.asarray(values))

    def test_clip_answers_are_those_of_a_model_without_steps(self, name):
        with_steps, without = model_of(name), model_of(name, {"emotion": TASKS["emotion"]})
        shared = [layer.name for layer in without.layers if layer.weights]
        for layer in shared:
            without.get_layer(layer).set_weights(with_steps.get_layer(layer).get_weights())
        waveform = noise(9000)
        np.testing.assert_allclose(
            np.asarray(answer(without, waveform)["emotion"]),
            np.asarray(answer(with_steps, waveform)["emotion"]),
            atol=1e-6,
        )


@pytest.mark.parametrize("name", [name for name in STEPPED if name not in ("fu2020", "crnn", "gresnet")])
def test_a_sound_moves_the_steps_at_its_time(name):
    """Convolutions alone: what is far from the sound does not change."""
    model = model_of(name, {"event": TASKS["event"]})
    steps = steps_of(model, {"event": TASKS["event"]})
    waveform = noise(16_000, batch=1)
    clicked = waveform.copy()
    clicked[0, 8000:8080] += 0.5  # at one second
    if name == "cab_cnn":  # whose front end divides by the deviation of the whole clip
        frontend = model.get_layer("frontend")
        features, mask = frontend(waveform)
        changed = np.array(features)
        changed[0, 4000:4040] += 3.0
        trunk = model.get_layer("trunk")
        plain, other = (np.asarray(trunk(values, frame_mask=mask)[1]) for values in (np.array(features), changed))
    else:
        plain, other = (np.asarray(answer(model, values)["event"]) for values in (waveform, clicked))
    moved = np.abs(other - plain)[0].max(axis=-1)
    times = steps.middles_s(len(moved))
    centre_s = float((times * moved).sum() / moved.sum())
    assert abs(centre_s - 1.005) < steps.period_s + 0.01


def test_a_model_without_steps_is_one_line():
    options = {key: value for key, value in LOG_MEL.items() if key != "name"}
    with pytest.raises(UserError, match=r"a task with resolution in time needs steps.*model=crnn"):
        build_model(build_frontend("log_mel", options), build_trunk("shared_dnn", {}), TASKS)
    options |= {"num_frames": 40}
    with pytest.raises(UserError, match=r"frames of one length; give frontend\.num_frames=null"):
        build_model(build_frontend("log_mel", options), build_trunk("crnn", SMALL["crnn"]), TASKS)


def test_frames_of_a_front_end_without_centre_begin_later():
    options = {k: v for k, v in LOG_MEL.items() if k != "name"}
    trunk = build_trunk("crnn", SMALL["crnn"])  # pools four frames of 10 ms
    centred = model_steps(build_frontend("log_mel", options), trunk)
    other = model_steps(build_frontend("log_mel", options | {"center": False}), trunk)
    assert centred.first_s == pytest.approx(0.015) and centred.period_s == pytest.approx(0.04)
    assert other.first_s == pytest.approx(0.015 + 128 / 8000)
