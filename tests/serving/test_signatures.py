import json
import shutil

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from mtl_tf.data.decode import load_clip
from mtl_tf.errors import UserError
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.serving.export import export_run


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    return export_run(finished_run, tmp_path_factory.mktemp("served") / "digits")


@pytest.fixture(scope="module")
def signatures(exported):
    return tf.saved_model.load(str(exported)).signatures


def noise(*shape):
    return (0.1 * np.random.default_rng(sum(shape)).standard_normal(shape)).astype(np.float32)


def test_their_names(signatures):
    tasks = {"task_digit", "task_speaker", "classify_digit", "classify_speaker"}
    assert set(signatures) == tasks | {
        "serving_default",
        "with_length",
        "embedding",
        "windows",
        "from_wav_bytes",
        "classify",
        "about",
    }


def test_it_says_what_it_is(exported, signatures):
    answer = signatures["about"](question=tf.constant([b"", b"?"]))["details"].numpy()
    assert len(answer) == 2 and answer[0] == answer[1]
    assert json.loads(answer[0]) == json.loads((exported / "assets" / "model.json").read_text())


@pytest.mark.parametrize("task", ["digit", "speaker"])
def test_one_task_answers_as_all_do(signatures, task):
    waveform = tf.constant(noise(2, 5000))
    answer = signatures[f"task_{task}"](waveform=waveform)
    assert set(answer) == {task}
    expected = signatures["serving_default"](waveform=waveform)[task]
    np.testing.assert_allclose(answer[task], expected, atol=1e-6)


def test_one_task_does_not_compute_the_other_heads(exported):
    graph = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes()).meta_graphs[0]
    signature = graph.signature_def["task_digit"].outputs["digit"].name.split(":")[0]
    node = next(node for node in graph.graph_def.node if node.name == signature)
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    reached, waiting = set(), [node.attr["f"].func.name]
    while waiting:
        name = waiting.pop()
        for inner in functions[name].node_def:
            reached.add(inner.name)
            waiting += [value.func.name for value in inner.attr.values() if value.func.name in functions]
    assert any("digit" in name for name in reached)
    assert not any("speaker" in name for name in reached)


def test_the_embedding_is_what_the_heads_are_given(finished_run, signatures):
    waveform = noise(2, 4000)
    embedding = signatures["embedding"](waveform=tf.constant(waveform))["embedding"].numpy()
    model = load_model(finished_run)
    kernel, bias = model.get_layer("digit").get_weights()
    logits = embedding @ kernel + bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), answer(model, waveform)["digit"], atol=1e-5)


def test_windows_answer_as_their_cuts_do(signatures):
    waveform = noise(20_000)
    answers = signatures["windows"](waveform=tf.constant(waveform), window_s=tf.constant(0.5), hop_s=tf.constant(0.1))
    starts = np.arange(0, 20_000 - 4000 + 800, 800)  # the last begins where the one before does not reach the end
    np.testing.assert_allclose(answers["start_s"], starts / 8000, atol=1e-6)
    for index in (0, 7, len(starts) - 1):
        cut = waveform[starts[index] : starts[index] + 4000]
        expected = signatures["serving_default"](waveform=tf.constant(cut[None]))
        for task in expected:
            np.testing.assert_allclose(answers[task][index], expected[task][0], atol=1e-5)


def test_no_window_begins_behind_the_end(signatures):
    for samples, starts in ((8000, [0.0, 0.75]), (6001, [0.0, 0.75]), (6000, [0.0]), (100, [0.0])):
        answers = signatures["windows"](
            waveform=tf.constant(noise(samples)), window_s=tf.constant(0.25), hop_s=tf.constant(0.75)
        )
        assert answers["start_s"].numpy() == pytest.approx(starts)
        assert len(answers["digit"]) == len(starts)


def test_a_clip_shorter_than_a_window_is_one_window(signatures):
    answers = signatures["windows"](
        waveform=tf.constant(noise(1000)), window_s=tf.constant(1.0), hop_s=tf.constant(1.0)
    )
    assert answers["start_s"].numpy().tolist() == [0.0]
    assert answers["digit"].shape == (1, 2)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros((1, 0)), "waveform holds no samples"),
        (np.full((1, 4000), np.nan), "waveform holds values that are not finite"),
        (np.full((1, 4000), np.inf), "waveform holds values that are not finite"),
        (np.full((1, 4000), 1e30), r"waveform must lie in \[-1, 1\]"),
        (np.full((1, 4000), 32767.0), r"waveform must lie in \[-1, 1\]"),
    ],
)
@pytest.mark.parametrize("name", ["serving_default", "task_digit", "embedding"])
def test_what_cannot_be_answered_is_refused_and_the_next_request_is_not(signatures, name, waveform, message):
    good = tf.constant(noise(1, 4000))
    before = signatures[name](waveform=good)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures[name](waveform=tf.constant(waveform, tf.float32))
    for key, values in signatures[name](waveform=good).items():
        np.testing.assert_array_equal(values, before[key])


@pytest.mark.parametrize("window_s, hop_s", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, 1e30)])
def test_windows_need_a_length(signatures, window_s, hop_s):
    with pytest.raises(tf.errors.InvalidArgumentError, match="window_s and hop_s must be above 0"):
        signatures["windows"](
            waveform=tf.constant(noise(8000)), window_s=tf.constant(window_s), hop_s=tf.constant(hop_s)
        )


def test_windows_without_end_are_refused(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 36000 windows a request"):
        signatures["windows"](waveform=tf.constant(noise(80_000)), window_s=tf.constant(1e-5), hop_s=tf.constant(1e-5))


def test_windows_of_nothing_are_refused(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="waveform holds no samples"):
        signatures["windows"](waveform=tf.constant([], tf.float32), window_s=tf.constant(1.0), hop_s=tf.constant(1.0))


def test_what_follows_the_length_does_not_count(signatures):
    waveform = noise(3, 5000)
    lengths = [5000, 3000, 1]
    answers = signatures["with_length"](waveform=tf.constant(waveform), length=tf.constant(lengths))
    for row, length in enumerate(lengths):
        alone = signatures["serving_default"](waveform=tf.constant(waveform[row : row + 1, :length]))
        for task in alone:
            np.testing.assert_allclose(answers[task][row], alone[task][0], atol=1e-5)
    loud = waveform.copy()
    loud[1, 3000:], loud[2, 1:] = np.nan, 1e30
    again = signatures["with_length"](waveform=tf.constant(loud), length=tf.constant(lengths))
    for task in answers:
        np.testing.assert_array_equal(again[task], answers[task])


@pytest.mark.parametrize(
    ("length", "message"),
    [
        ([0, 100], "length must be from 1 to the samples"),
        ([100, 4001], "length must be from 1 to the samples"),
        ([100, -1], "length must be from 1 to the samples"),
        ([100], "length must hold one number per clip"),
    ],
)
def test_a_length_that_cannot_be_is_refused(signatures, length, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures["with_length"](waveform=tf.constant(noise(2, 4000)), length=tf.constant(length))


def written(path, sample_rate, channels=1, seconds=0.5):
    samples = 0.1 * np.random.default_rng(sample_rate).standard_normal((round(seconds * sample_rate), channels))
    soundfile.write(path, samples, sample_rate, "PCM_24")
    return path


def test_wav_files_of_all_rates_answer_as_in_the_keras_model(finished_run, signatures, tmp_path):
    files = [written(tmp_path / f"{rate}.wav", rate, 2, 0.3 + rate / 1e5) for rate in (8000, 16000, 44100, 48000)]
    answers = signatures["from_wav_bytes"](wav=tf.constant([file.read_bytes() for file in files]))
    model = load_model(finished_run)
    for row, file in enumerate(files):
        for task, values in answer(model, load_clip(file, 8000)[None]).items():
            np.testing.assert_allclose(answers[task][row], np.asarray(values)[0], atol=1e-5)


def test_bytes_that_are_no_wav_are_refused_by_their_number(signatures, tmp_path):
    good = written(tmp_path / "a.wav", 8000).read_bytes()
    other_rate = written(tmp_path / "b.wav", 11000).read_bytes()
    for bad, message in ((b"", "is not a RIFF/WAVE"), (good[:-9], "ends before"), (other_rate, "none of 8000, 16000")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"(?s)input.*1.*{message}"):
            signatures["from_wav_bytes"](wav=tf.constant([good, bad]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="waveform holds no samples"):
        signatures["from_wav_bytes"](wav=tf.constant([], tf.string))
    assert signatures["from_wav_bytes"](wav=tf.constant([good]))["digit"].shape == (1, 2)


def test_a_few_bytes_do_not_become_more_than_memory_holds(signatures, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(500 * 8000), 8000, "PCM_U8")
    long, short = (tmp_path / "long.wav").read_bytes(), written(tmp_path / "a.wav", 8000).read_bytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="come to more than 3600 s, ask for fewer at once"):
        signatures["from_wav_bytes"](wav=tf.constant([long, *[short] * 8]))
    assert signatures["from_wav_bytes"](wav=tf.constant([long, short]))["digit"].shape == (2, 2)


def test_examples_of_bytes_or_floats_are_classified(signatures, tmp_path):
    samples = noise(4000)
    floats = tf.train.Feature(float_list=tf.train.FloatList(value=samples))
    example = tf.train.Example(features=tf.train.Features(feature={"waveform": floats}))
    soundfile.write(tmp_path / "a.wav", samples, 8000, "FLOAT")
    content = tf.train.Feature(bytes_list=tf.train.BytesList(value=[(tmp_path / "a.wav").read_bytes()]))
    same = tf.train.Example(features=tf.train.Features(feature={"wav": content}))
    inputs = tf.constant([example.SerializeToString(), same.SerializeToString()])
    expected = signatures["serving_default"](waveform=tf.constant(samples[None]))
    one = signatures["classify_digit"](inputs=inputs)
    assert one["classes"].numpy().tolist() == 2 * [[b"0", b"1"]]
    np.testing.assert_allclose(one["scores"], np.repeat(expected["digit"], 2, axis=0), atol=1e-6)
    both = signatures["classify"](inputs=inputs)
    assert both["classes"].numpy()[1].tolist() == [b"digit/0", b"digit/1", b"speaker/jackson", b"speaker/theo"]
    np.testing.assert_allclose(
        both["scores"][1], np.concatenate([expected["digit"][0], expected["speaker"][0]]), atol=1e-6
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)input.*1.*holds neither wav nor waveform"):
        signatures["classify"](inputs=tf.constant([example.SerializeToString(), b""]))


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_a_few_samples_are_answered_as_if_padding_followed(signatures, samples):
    short = noise(1, samples)
    padded = np.pad(short, ((0, 0), (0, 4000 - samples)))
    for task, values in signatures["serving_default"](waveform=tf.constant(short)).items():
        expected = signatures["with_length"](waveform=tf.constant(padded), length=tf.constant([samples]))[task]
        np.testing.assert_allclose(values, expected, atol=1e-5)
        assert np.isfinite(values).all()


def test_a_version_is_never_written_over(finished_run, exported, tmp_path):
    target = tmp_path / "model"
    shutil.copytree(exported, target / "3")
    before = sorted((path, path.stat().st_mtime_ns) for path in target.rglob("*"))
    for version in (2, 3):
        with pytest.raises(UserError, match="has version 3; a new one must be above it, version=4"):
            export_run(finished_run, target, version)
    assert sorted((path, path.stat().st_mtime_ns) for path in target.rglob("*")) == before
    with pytest.raises(UserError, match="servers count to 9223372036854775807"):
        export_run(finished_run, target, 2**63)
    assert export_run(finished_run, target, 7).name == "7"
    assert json.loads((target / "7" / "assets.extra" / "model.json").read_text())["sample_rate"] == 8000
