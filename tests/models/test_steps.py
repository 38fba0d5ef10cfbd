"""Steps in time: their number, their time, and that padding changes none of them."""

import keras
import numpy as np
import pytest
from small_models import FRONT_ENDS, LOG_MEL, PICTURE, SMALL, SUMMARY

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


AXES = {"of the clip": {"num_frames": None}, "resized": {"fit": "resize"}, "cut or padded": {"fit": "pad"}}


def model_of(name, tasks=TASKS, axis="of the clip"):
    """Builds a small model; on an axis of its own a clip of 1.0625 s neither grows nor shrinks."""
    frames = {"cab_cnn": 8500, "shared_dnn": 5, "fu2020": 22, "crnn": 43}.get(name, 107)
    options = dict(FRONT_ENDS.get(name, LOG_MEL)) | {"num_frames": frames} | AXES[axis]
    return build_model(build_frontend(options.pop("name"), options), build_trunk(name, SMALL[name]), tasks)


def noise(samples, batch=2):
    return (0.1 * RNG.standard_normal((batch, samples))).astype(np.float32)


def test_the_trunks_that_have_steps():
    assert {
        "compact_cnn",
        "residual_cnn",
        "voice_cnn",
        "mel_cnn",
        "gresnet",
        "fu2020",
        "cab_cnn",
        "crnn",
        "shared_dnn",
    } == set(STEPPED)


@pytest.mark.parametrize("name", STEPPED)
class TestEveryTrunk:
    @pytest.mark.parametrize("axis", AXES)
    @pytest.mark.parametrize("samples", [8001, 12_345])
    def test_there_are_as_many_steps_as_announced(self, name, samples, axis):
        model = model_of(name, axis=axis)
        steps = steps_of(model, TASKS)
        found = answer(model, noise(samples))
        times, number = steps.of(samples), found["event"].shape[1]
        # A clip that is padded to the axis has fewer steps of its own than there are.
        assert number == times.number or (axis == "cut or padded" and number > times.number)
        assert found["event"].shape == (2, number, 2)
        assert found["sound"].shape == (2, number, 3) and found["emotion"].shape == (2, 3)
        np.testing.assert_allclose(np.asarray(found["sound"]).sum(axis=-1), 1, rtol=1e-5)
        # The last step ends about where the clip does; an envelope has whole seconds.
        end_s = times.start_s + times.number * times.period_s
        heard_s = min(samples / 8000, steps.longest_s or np.inf)
        assert (steps.longest_s is not None) == (axis == "cut or padded")
        assert abs(end_s - heard_s) <= max(3 * times.period_s, 1.0 if name == "cab_cnn" else 0.0)

    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the main backend")
    @pytest.mark.parametrize("axis", AXES)
    def test_padding_changes_no_step(self, name, axis):
        if name == "gresnet" and axis != "resized":
            pytest.skip("its pictures have no mask, so what is padding is part of them")
        model = model_of(name, axis=axis)
        steps, waveform = steps_of(model, TASKS), noise(16_000)
        alone = answer(model, waveform[:1, :9001])
        together = answer(model, waveform, np.array([9001, 16_000], np.int32))
        own = steps.count(9001)
        for task in ("event", "sound"):
            np.testing.assert_allclose(
                np.asarray(together[task])[0, :own], np.asarray(alone[task])[0, :own], atol=1e-5, err_msg=task
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


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("samples", [8500, 12_000, 16_000])
@pytest.mark.parametrize("name", [name for name in STEPPED if name not in ("fu2020", "crnn", "gresnet")])
def test_a_sound_moves_the_steps_at_its_time(name, samples, axis):
    """Convolutions alone: what is far from the sound does not change."""
    keras.utils.set_random_seed(0)
    model = model_of(name, {"event": TASKS["event"]}, axis)
    steps = steps_of(model, {"event": TASKS["event"]}).of(samples)
    waveform = noise(samples, batch=1)
    clicked = waveform.copy()
    clicked[0, 6400:6480] += 0.5  # at 0.8 s
    if name == "cab_cnn":  # whose front end divides by the deviation of the whole clip
        frontend = model.get_layer("frontend")
        features, mask = frontend(waveform)
        changed = np.array(features)
        stretch = 8500 / (samples / 2) if axis == "resized" else 1.0  # two samples become one frame of the clip's
        changed[0, round(3200 * stretch) : round(3240 * stretch)] += 3.0
        trunk = model.get_layer("trunk")
        plain, other = (np.asarray(trunk(values, frame_mask=mask)[1]) for values in (np.array(features), changed))
    else:
        plain, other = (np.asarray(answer(model, values)["event"]) for values in (waveform, clicked))
    moved = np.abs(other - plain)[0].max(axis=-1)
    times, moved = steps.middles_s, moved[: steps.number]
    centre_s = float((times * moved).sum() / moved.sum())
    assert abs(centre_s - 0.805) < steps.period_s + 0.01


def test_a_model_without_steps_is_one_line():
    options = {key: value for key, value in LOG_MEL.items() if key != "name"}
    with pytest.raises(UserError, match=r"a task with resolution in time needs steps.*model=crnn"):
        build_model(build_frontend("log_mel", options), build_trunk("svm", {}), TASKS)


def test_a_front_end_with_one_frame_for_a_clip_has_no_steps():
    options = {key: value for key, value in SUMMARY.items() if key != "name"} | {"window_s": None}
    with pytest.raises(UserError, match=r"one frame of a clip, so there are no steps; give frontend\.window_s=0\.5"):
        build_model(build_frontend("filter_bank_summary", options), build_trunk("shared_dnn", {}), TASKS)


def test_frames_of_a_front_end_without_centre_begin_later():
    options = {k: v for k, v in LOG_MEL.items() if k != "name"}
    trunk = build_trunk("crnn", SMALL["crnn"])  # pools four frames of 10 ms
    centred = model_steps(build_frontend("log_mel", options), trunk)
    other = model_steps(build_frontend("log_mel", options | {"center": False}), trunk)
    assert centred.fixed_s == pytest.approx((0.015, 0.04))
    assert other.fixed_s == pytest.approx((0.015 + 128 / 8000, 0.04))


@pytest.mark.parametrize("options", [LOG_MEL, LOG_MEL | {"center": False}, FRONT_ENDS["cab_cnn"], PICTURE, SUMMARY])
def test_own_frames_are_those_of_the_mask(options):
    options = dict(options)
    frontend = build_frontend(options.pop("name"), options)
    for samples in (7999, 8000, 8001, 12_345):
        _, mask = frontend.raw(noise(20_000), np.array([samples, 20_000], np.int32))
        assert np.asarray(mask).sum(axis=1).tolist() == [frontend.count_own_frames(n) for n in (samples, 20_000)]
