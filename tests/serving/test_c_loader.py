"""Every signature in the loader that TF Serving calls, without Python or in a process without TensorFlow's Python."""

import numpy as np
import pytest
import tensorflow as tf
from alone import ask_alone
from cpp_loader import ask_loader, build_loader
from mutation import mutants

from mtl_tf.benchmarks.c_loader import INVALID_ARGUMENT, CLoader, CLoaderError, signature_tensors
from mtl_tf.serving.export import export_run
from mtl_tf.serving.warm_up import clip_example, signature_inputs, wav_bytes


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    return export_run(finished_run, tmp_path_factory.mktemp("served") / "digits")


@pytest.fixture(scope="module")
def loaded(exported):
    return CLoader(exported, signature_tensors(exported))


def clips(count, samples):
    return (0.1 * np.random.default_rng(0).standard_normal((count, samples))).astype(np.float32)


def requests(names):
    clip = clips(3, 5000)
    examples = np.array([clip_example(row, 8000).SerializeToString() for row in clip], object)
    return {
        name: {"inputs": examples} if name.startswith("classify") else signature_inputs(name, clip, 8000, 0.25)
        for name in names
    }


def assert_answers_are_tensorflows(exported, asked, answers):
    signatures = tf.saved_model.load(str(exported)).signatures
    assert set(answers) == set(asked) == set(signatures)
    for name, inputs in asked.items():
        expected = signatures[name](**{key: tf.constant(values) for key, values in inputs.items()})
        assert set(answers[name]) == set(expected)
        for key, values in expected.items():
            if values.dtype == tf.string:
                assert answers[name][key].tolist() == values.numpy().tolist()
            else:
                np.testing.assert_allclose(answers[name][key], values, atol=1e-5)


def test_every_signature_answers_in_a_process_without_tensorflow_in_python(exported, tmp_path):
    asked = requests(signature_tensors(exported))
    answers = dict(zip(asked, ask_alone(exported, list(asked.items()), tmp_path), strict=True))
    assert_answers_are_tensorflows(exported, asked, answers)


def test_every_signature_answers_in_a_program_without_python(exported, tmp_path):
    asked = requests(signature_tensors(exported))
    answers = ask_loader(build_loader(tmp_path), exported, asked, tmp_path)
    assert_answers_are_tensorflows(exported, asked, answers)


def test_refusals_are_invalid_arguments_and_the_next_request_is_answered(loaded):
    good = {"waveform": clips(1, 4000)}
    before = loaded.run("serving_default", **good)
    clip, second, wrong = clips(1, 400), np.float32(1), r"\[.*\] is not compatible with expected shape"
    bad = [
        ("serving_default", {"waveform": np.zeros((1, 0), np.float32)}, "waveform holds no samples"),
        ("serving_default", {"waveform": np.full((1, 400), np.nan, np.float32)}, "waveform holds values"),
        ("serving_default", {"waveform": np.full((2, 400), np.inf, np.float32)}, "waveform holds values"),
        ("serving_default", {"waveform": clip[0]}, f"/input_waveform {wrong} \\[\\?,\\?\\]"),
        ("task_digit", {"waveform": clip[..., None]}, f"/input_waveform {wrong} \\[\\?,\\?\\]"),
        ("embedding", {"waveform": np.float32(0.5)}, f"/input_waveform {wrong} \\[\\?,\\?\\]"),
        ("with_length", {"waveform": clip, "length": np.array([401], np.int32)}, "length must be from 1"),
        ("with_length", {"waveform": clip, "length": np.int32(400)}, f"/input_length {wrong} \\[\\?\\]"),
        ("windows", {"waveform": clip[0], "window_s": np.float32(-1), "hop_s": second}, "window_s and hop_s"),
        ("windows", {"waveform": clip, "window_s": second, "hop_s": second}, f"/input_waveform {wrong} \\[\\?\\]"),
        ("windows", {"waveform": clip[0], "window_s": clip[0], "hop_s": second}, f"/input_window_s {wrong} \\[\\]"),
        ("from_wav_bytes", {"wav": np.array([b"junk"], object)}, "input"),
        ("from_wav_bytes", {"wav": np.array([[b"junk"]], object)}, f"/input_wav {wrong} \\[\\?\\]"),
        ("classify", {"inputs": np.array([b""], object)}, "holds neither wav nor waveform"),
        ("classify_digit", {"inputs": np.array([[b""]], object)}, f"/input_inputs {wrong} \\[\\?\\]"),
    ]
    for name, inputs, message in bad:
        with pytest.raises(CLoaderError, match=message) as refusal:
            loaded.run(name, **inputs)
        assert refusal.value.code == INVALID_ARGUMENT, str(refusal.value)
    for task, values in loaded.run("serving_default", **good).items():
        np.testing.assert_array_equal(values, before[task])


@pytest.mark.parametrize("samples", [1, 100, 8000 * 600])
def test_silence_of_any_length_is_answered(loaded, samples):
    for values in loaded.run("serving_default", waveform=np.zeros((1, samples), np.float32)).values():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-5)


def test_mutated_bytes_never_kill_it(loaded):
    content = wav_bytes(clips(1, 1000)[0], 8000)
    before = loaded.run("from_wav_bytes", wav=np.array([content], object))
    answered = 0
    for mutant in mutants(content, 1000):
        try:
            answers = loaded.run("from_wav_bytes", wav=np.array([mutant], object))
        except CLoaderError as refusal:
            assert refusal.code == INVALID_ARGUMENT, str(refusal)
            assert "input" in str(refusal) or "waveform" in str(refusal)
            continue
        answered += 1
        assert all(np.isfinite(values).all() for values in answers.values())
    assert 0 < answered < 1000
    for task, values in loaded.run("from_wav_bytes", wav=np.array([content], object)).items():
        np.testing.assert_array_equal(values, before[task])
