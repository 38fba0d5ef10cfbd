import keras
import numpy as np
import pytest
import yaml
from conftest import ROOT
from small_models import SMALL, TASKS, small_model

from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import TRUNKS, answer, build_model, build_trunk, count_parameters
from mtl_tf.models.compact_cnn import segment_means
from mtl_tf.models.fu2020 import AttentionCNNBLSTM
from mtl_tf.models.heads import classification_head
from mtl_tf.models.pooling import LocalAttentionPooling
from mtl_tf.tasks.task import Task
from mtl_tf.training.losses import TaskLoss

RNG = np.random.default_rng(0)


def config(group, name):
    values = yaml.safe_load((ROOT / "configs" / group / f"{name}.yaml").read_text())
    return values.pop("name"), values


def noise(length, batch=2):
    return (0.1 * RNG.standard_normal((batch, length))).astype(np.float32)


@pytest.mark.parametrize(("tasks", "expected"), [(("emotion", "speaker"), 9_381_899), (("emotion",), 9_380_871)])
def test_fu2020_has_the_papers_parameters(tasks, expected):
    model = build_model(
        build_frontend(*config("frontend", "fu2020_log_mel")),
        build_trunk(*config("model", "fu2020")),
        {name: TASKS[name] for name in tasks},
    )
    assert count_parameters(model) == expected


def test_fu2020_lengths_and_layers_are_table_1():
    trunk = build_trunk(*config("model", "fu2020"))
    shape = (None, 256, 128)
    lengths = []
    for convolution in trunk.convolutions:
        shape = convolution.compute_output_shape(shape)
        lengths.append(shape[1:])
    assert lengths == [(254, 512), (254, 1024), (252, 2048)]
    trunk.build((None, 256, 128))
    counts = {
        layer.name: layer.count_params()
        for layer in (*trunk.convolutions, trunk.bottleneck, *trunk.recurrent, *trunk.attentions, trunk.pooling)
    }
    assert counts == {
        "conv_0": 197_120,
        "conv_1": 525_312,
        "conv_2": 6_293_504,
        "bottleneck": 1_049_088,
        "blstm_0": 656_384,
        "blstm_1": 394_240,
        "self_attention_0": 263_168,
        "local_attention": 256,
    }
    assert {dropout.rate for dropout in trunk.dropouts} == {0.35}


def test_fu2020_can_attend_after_each_recurrent_layer():
    layer = AttentionCNNBLSTM(**SMALL["fu2020"], attention_after_each=True)
    assert layer(np.zeros((1, 20, 8), np.float32)).shape == (1, 32)
    assert len(layer.attentions) == 2


def test_fu2020_without_mask_sees_the_padding_and_with_mask_does_not():
    features = RNG.standard_normal((1, 30, 8)).astype(np.float32)
    mask = np.arange(30)[None] < 20
    changed = features.copy()
    changed[:, 24:] = -1  # beyond the reach of the convolutions over the valid frames
    for use_mask in (False, True):
        layer = AttentionCNNBLSTM(**SMALL["fu2020"] | {"use_mask": use_mask})
        first, second = (np.asarray(layer(value, frame_mask=mask)) for value in (features, changed))
        assert np.allclose(first, second, atol=1e-6) == use_mask


def test_local_attention_pooling_by_hand():
    layer = LocalAttentionPooling()
    layer.build((None, None, 2))
    layer.attention_vector.assign([1.0, 0.0])
    hidden = np.array([[[0.0, 5.0], [np.log(3.0), 1.0], [9.0, 9.0]]], np.float32)
    mask = np.array([[True, True, False]])
    # softmax over the two valid frames of (0, ln 3) is (1/4, 3/4)
    expected = [0.75 * np.log(3.0), 0.25 * 5 + 0.75 * 1]
    np.testing.assert_allclose(np.asarray(layer(hidden, frame_mask=mask))[0], expected, rtol=1e-6)


def test_crnn_layers_and_parameters():
    frontend = build_frontend("log_mel", config("frontend", "log_mel")[1])
    trunk = build_model(frontend, build_trunk("crnn", {}), TASKS).get_layer("trunk")
    convolutions = 9 * (1 * 32 + 32 * 64 + 64 * 64) + 4 * (32 + 64 + 64)  # kernels, batch normalisation
    inputs = 2 * 64  # bins of 64 by 4, 4 and 2, times filters
    recurrent = 2 * 3 * (inputs * 64 + 64 * 64 + 2 * 64)  # three gates in each of two directions
    assert trunk.count_params() == convolutions + recurrent
    steps = trunk.recurrent[0](np.zeros((1, 25, inputs), np.float32))
    assert steps.shape == (1, 25, 128)


def test_crnn_knows_the_order_of_sounds():
    trunk = build_trunk("crnn", SMALL["crnn"])
    features = np.random.default_rng(0).standard_normal((1, 40, 16)).astype(np.float32)
    forwards, backwards = (np.asarray(trunk(part)) for part in (features, features[:, ::-1]))
    assert np.abs(forwards - backwards).max() > 1e-3


def test_segment_means_by_hand():
    hidden = np.arange(1, 9, dtype=np.float32).reshape(1, 8, 1, 1)
    valid = np.array([[1, 1, 1, 1, 1, 1, 0, 0]], np.float32)
    means = np.asarray(segment_means(hidden, valid, 3))
    np.testing.assert_allclose(means[0, :, 0, 0], [1.5, 3.5, 5.5])


def test_the_strong_small_network_is_small():
    frontend = build_frontend("log_mel", {"sample_rate": 16000, "n_fft": 512, "hop_length": 160, "num_mel_bins": 64})
    model = build_model(frontend, build_trunk("residual_cnn", {}), {"emotion": Task("emotion", tuple("abcdefgh"))})
    assert count_parameters(model) <= 300_000


@pytest.mark.parametrize("name", TRUNKS)
class TestEveryModel:
    def test_outputs_are_probabilities_by_task_name(self, name):
        outputs = answer(small_model(name), noise(4000))
        assert set(outputs) == set(TASKS)
        for task, values in outputs.items():
            assert values.shape == (2, TASKS[task].num_classes)
            np.testing.assert_allclose(np.asarray(values).sum(axis=1), 1, rtol=1e-5)

    def test_a_clip_in_a_padded_batch_is_the_clip_alone(self, name):
        keras.utils.set_random_seed(4)  # first weights that give the units of every small network something to do
        model = small_model(name)
        batch = noise(30000, batch=3)  # seconds longer, as some front ends give frames in whole seconds
        together = answer(model, batch, np.array([30000, 3001, 30000], np.int32))
        alone = answer(model, batch[1:2, :3001])
        batch[1, 3001:] = 0
        heard = answer(model, batch)  # where padding counts as silence
        for task in TASKS:
            expected = np.asarray(alone[task])[0]
            np.testing.assert_allclose(
                np.asarray(together[task])[1],
                expected,
                atol=1e-5,  # some ten times what the order of additions does
                err_msg=f"{name} answers a padded clip otherwise than the clip alone: frames where frame_mask is False "
                "count in it; leave them out of every sum, mean, maximum and recurrence",
            )
            if name != "svm":  # whose weights are 0 before it is fitted
                assert np.abs(np.asarray(heard[task])[1] - expected).max() > 1e-4

    def test_silence_is_finite(self, name):
        for values in answer(small_model(name), np.zeros((1, 3000), np.float32)).values():
            assert np.isfinite(np.asarray(values)).all()

    def test_training_mode_is_asked_for(self, name):
        model = small_model(name, **({"dropout": 0.5} if "dropout" in config("model", name)[1] else {}))
        waveform = noise(4000)
        first, second = (np.asarray(answer(model, waveform)["emotion"]) for _ in range(2))
        assert np.array_equal(first, second)
        training = np.asarray(answer(model, waveform, training=True)["emotion"])
        assert np.allclose(training, first, atol=1e-7) == (name == "svm")  # which is not trained by steps

    def test_it_survives_its_file(self, name, tmp_path):
        model = small_model(name)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        waveform = noise(4000)
        for task in TASKS:
            np.testing.assert_array_equal(
                np.asarray(answer(again, waveform)[task]), np.asarray(answer(model, waveform)[task])
            )

    def test_gradients_reach_every_weight_and_only_the_asked_head(self, name):
        import tensorflow as tf

        model = small_model(name)
        variables = [variable.value for variable in model.trainable_variables]
        with tf.GradientTape(persistent=True) as tape:
            outputs = answer(model, noise(4000, batch=4), training=True)
            losses = {task: tf.reduce_mean(tf.math.log(values[:, 0])) for task, values in outputs.items()}
            total = sum(losses.values())
        for variable, gradient in zip(model.trainable_variables, tape.gradient(total, variables), strict=True):
            assert gradient is not None, variable.path
            # The kernel's head starts at zero (svm), and so do its gradients.
            assert name == "svm" or np.abs(np.asarray(gradient)).max() > 0, variable.path
        head = {id(variable) for variable in model.get_layer("speaker").trainable_variables}
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(losses["emotion"], variables), strict=True
        ):
            foreign = id(variable) in head or variable.path.startswith("speaker_")  # what a trunk gives each task
            assert (gradient is None) == foreign, variable.path

    def test_mixed_precision_answers_in_float32(self, name):
        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = small_model(name)
        finally:
            keras.config.set_dtype_policy("float32")
        full_scale = np.sign(noise(4000, batch=1))
        for waveform in (noise(4000), np.zeros((1, 4000), np.float32), full_scale):
            for values in answer(model, waveform).values():
                assert keras.backend.standardize_dtype(values.dtype) == "float32"
                assert np.isfinite(np.asarray(values)).all()


@pytest.mark.parametrize(
    "name",  # of those that are trained by steps; halves take a processor long in the widest
    [pytest.param(name, marks=[pytest.mark.slow] * (name == "alexnet")) for name in TRUNKS if name != "svm"],
)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns_from_silence_and_full_scale(name, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = small_model(name)
        model.compile(keras.optimizers.SGD(0.01), loss={task: TaskLoss("per_batch") for task in TASKS})
    finally:
        keras.config.set_dtype_policy("float32")
    before = [np.asarray(variable) for variable in model.trainable_variables]
    waveform = np.concatenate([np.zeros((1, 4000), np.float32), np.sign(noise(4000, batch=1)), noise(4000)])
    inputs = {"waveform": waveform, "length": np.full(4, 4000, np.int32)}
    labels = {task: np.arange(4, dtype=np.int32) for task in TASKS}
    for _ in range(20):  # the first steps are left out while the scale of the loss is looked for
        model.train_on_batch(inputs, labels)
    after = [np.asarray(variable) for variable in model.trainable_variables]
    assert all(np.isfinite(values).all() for values in after)
    assert all(np.isfinite(np.asarray(variable)).all() for variable in model.non_trainable_variables)
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("name", ["cab_cnn", "mel_cnn"])
def test_training_statistics_leave_padding_out(name):
    options = SMALL[name] | ({"dropouts": [0.0] * 4} if name == "cab_cnn" else {})
    length, bins = (400, 1) if name == "cab_cnn" else (40, 16)  # whole steps after all poolings
    features = RNG.standard_normal((3, length, bins)).astype(np.float32)
    padded = np.concatenate([features, RNG.standard_normal((3, length, bins)).astype(np.float32)], axis=1)
    mask = np.arange(2 * length)[None].repeat(3, axis=0) < length
    results, weights = [], None
    for values, frame_mask in ((features, None), (padded, mask)):
        trunk = build_trunk(name, options)
        trunk.build(values.shape)
        weights = weights or trunk.get_weights()
        trunk.set_weights(weights)
        outputs = trunk(values, frame_mask, training=True)
        outputs = outputs[0][:, : length // 100] if name == "cab_cnn" else outputs
        results.append([outputs, *trunk.non_trainable_variables])
    moved = [values for values in results[0][1:] if "moving" in values.path]
    assert moved and all(np.asarray(values).std() > 0 for values in moved)
    for plain, masked in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(masked), np.asarray(plain), rtol=1e-4, atol=1e-5)


def test_clips_without_a_label_leave_that_head_as_it_is():
    model = small_model("shared_dnn")
    model.compile(keras.optimizers.SGD(0.1), loss={task: TaskLoss("per_batch") for task in TASKS})
    heads = {task: model.get_layer(task).get_weights() for task in TASKS}
    trunk = model.get_layer("trunk").get_weights()
    weights = {"emotion": np.ones(4, np.float32), "speaker": np.zeros(4, np.float32)}
    inputs = {"waveform": noise(4000, batch=4), "length": np.full(4, 4000, np.int32)}
    model.train_on_batch(inputs, {task: np.zeros(4, np.int32) for task in TASKS}, sample_weight=weights)
    for before, after in zip(heads["speaker"], model.get_layer("speaker").get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)
    for before, after in zip(heads["emotion"], model.get_layer("emotion").get_weights(), strict=True):
        assert not np.array_equal(after, before)
    assert not all(np.array_equal(*pair) for pair in zip(trunk, model.get_layer("trunk").get_weights(), strict=True))


def test_masking_of_stretches_acts_in_training_only():
    model = small_model("compact_cnn", dropout=0.0, time_mask_frames=10, bin_mask_bins=4)
    waveform = noise(4000)
    plain = np.asarray(answer(small_model("compact_cnn", dropout=0.0), waveform)["emotion"])
    assert plain.shape == np.asarray(answer(model, waveform)["emotion"]).shape
    first, second = (np.asarray(answer(model, waveform, training=True)["emotion"]) for _ in range(2))
    assert not np.array_equal(first, second)


def test_a_head_is_named_after_its_task():
    assert classification_head(TASKS["speaker"]).name == "speaker"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fu2021", {}, "Did you mean fu2020"),
        ("fu2020", {"filters": [1, 2]}, r"model\.filters=\[1, 2\]: give a list of 3"),
        ("compact_cnn", {"dropout": 1}, r"model\.dropout=1: input should be less than 1"),
        ("compact_cnn", {"filters": [8, 0]}, r"model\.filters\[1\]=0: input should be greater than 0"),
        ("cab_cnn", {"dropouts": [0.1]}, "give lists of one length as filters"),
        ("compact_cnn", {"x": 1}, "model=compact_cnn"),
        ("gresnet", {"first_kernel": [1, 2, 3]}, "give a whole number above 0 or a list of 2"),
        ("vgg11", {"filters": 3}, r"model\.filters=3: input should be a list"),
        ("compact_cnn", {"dropout": "x"}, r"model\.dropout='x': input should be a valid number"),
        ("compact_cnn", {"filters": 8}, r"model\.filters=8: input should be a list"),
        ("compact_cnn", {"filters": [8, 0.5]}, r"model\.filters\[1\]=0\.5: input should be a valid integer"),
        ("compact_cnn", {"filters": []}, r"model\.filters=\[\]: give at least one"),
    ],
)
def test_wrong_options_are_explained(name, options, message):
    with pytest.raises(UserError, match=message):
        build_trunk(name, options)
