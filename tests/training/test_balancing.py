"""Balancing methods: by hand, against the formulas of their papers and of LibMTL, and in whole steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.compose import compose
from mtl_tf.experiment import run_experiment
from mtl_tf.runs.read import load_history
from mtl_tf.runs.walk import walk
from mtl_tf.training.affinity import AffinityMeter, cosines
from mtl_tf.training.balanced_model import BalancedModel
from mtl_tf.training.balancing.build import build_balancing
from mtl_tf.training.balancing.equal import EqualWeighting
from mtl_tf.training.balancing.famo import Famo
from mtl_tf.training.balancing.pcgrad import PcGrad
from mtl_tf.training.balancing.random_weighting import RandomWeighting
from mtl_tf.training.balancing.uncertainty import UncertaintyWeighting

BOTH = tf.constant([True, True])
METHODS = ("random", "uncertainty", "famo", "pcgrad")


def step(number):
    return tf.constant(number, tf.int64)


def test_pcgrad_on_a_quadratic_problem_by_hand():
    """At (0, 0) the tasks |x - (-1, 0)|^2 / 2 and |x - (1, -1)|^2 / 2 have gradients (1, 0) and (-1, 1)."""
    gradients = tf.constant([[1.0, 0.0], [-1.0, 1.0]])
    # (1, 0) loses its part along (-1, 1), which leaves (0.5, 0.5); (-1, 1) loses that along (1, 0): (0, 1).
    np.testing.assert_allclose(PcGrad(2, 0).combine(gradients, step(0)), [0.5, 1.5], atol=1e-6)
    np.testing.assert_allclose(cosines(gradients), [[1, -(0.5**0.5)], [-(0.5**0.5), 1]], atol=1e-6)
    agreeing = tf.constant([[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(PcGrad(2, 0).combine(agreeing, step(0)), [2.0, 1.0], atol=1e-6)
    alone = tf.constant([[1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(PcGrad(2, 0).combine(alone, step(0)), [1.0, 2.0], atol=1e-6)


def test_pcgrad_of_many_tasks_as_its_algorithm_says():
    """In every order of the others; of three tasks a projection may depend on it."""
    rng = np.random.default_rng(0)
    for number in range(20):
        gradients = rng.normal(size=(3, 5)).astype(np.float32)
        found = PcGrad(3, 1).combine(tf.constant(gradients), step(number)).numpy()
        orders = [[(1, 2), (2, 1)], [(0, 2), (2, 0)], [(0, 1), (1, 0)]]
        options = [[_projected(gradients, task, order) for order in orders[task]] for task in range(3)]
        sums = [a + b + c for a in options[0] for b in options[1] for c in options[2]]
        assert min(np.abs(total - found).max() for total in sums) < 1e-5


def _projected(gradients, task, order):
    own = gradients[task].copy()
    for other in order:
        product = own @ gradients[other]
        if product < 0:
            own -= product / (gradients[other] @ gradients[other]) * gradients[other]
    return own


def test_uncertainty_is_libmtls_formula_with_a_cap():
    losses = np.array([0.7, 2.1], np.float32)
    method = UncertaintyWeighting(2, 0, cap=3.0)
    assert method.loss(tf.constant(losses), BOTH, step(0)).numpy() == pytest.approx((losses - np.log(2) / 2).sum())
    scale = np.array([0.3, -1.0], np.float32)
    method.log_variance.assign(scale)
    with tf.GradientTape() as tape:
        value = method.loss(tf.constant(losses), BOTH, step(0))
    assert value.numpy() == pytest.approx((losses / (2 * np.exp(scale)) + scale / 2).sum())
    expected = -losses / (2 * np.exp(scale)) + 0.5
    np.testing.assert_allclose(tape.gradient(value, method.log_variance.value), expected, rtol=1e-5)
    one = method.loss(tf.constant(losses), tf.constant([True, False]), step(0)).numpy()
    assert one == pytest.approx(0.7 / (2 * np.exp(0.3)) + 0.15)
    # Where a variance would make a task weigh more than 3, it is brought back after the step.
    np.testing.assert_allclose(method.limit(tf.constant([-9.0, 0.0])), [-np.log(6), 0.0], rtol=1e-6)


def test_famo_is_its_algorithm():
    losses, after = np.array([0.7, 2.1], np.float32), np.array([0.6, 2.0], np.float32)
    method = Famo(2, 0)
    method.logits.assign([0.4, -0.2])
    z = np.exp([0.4, -0.2]) / np.exp([0.4, -0.2]).sum()
    with tf.GradientTape() as tape:
        values = tf.Variable(losses)
        total = method.loss(values, BOTH, step(0))
    scale = (z / losses).sum()
    assert total.numpy() == pytest.approx(2 * (z * np.log(losses)).sum() / scale, rel=1e-5)
    np.testing.assert_allclose(tape.gradient(total, values), 2 * z / losses / scale, rtol=1e-5)
    method.update(tf.constant(losses), tf.constant(after), BOTH)
    fell = np.log(losses) - np.log(after)
    gradient = (np.diag(z) - np.outer(z, z)) @ fell + 0.001 * np.array([0.4, -0.2])
    # The first step of Adam is the rate in the direction of the gradient.
    np.testing.assert_allclose(method.logits.numpy(), np.array([0.4, -0.2]) - 0.025 * np.sign(gradient), atol=1e-5)


def test_random_weights_add_up_and_are_those_of_the_step():
    method = RandomWeighting(2, 3)
    values = [method.loss(tf.constant([1.0, 0.0]), BOTH, step(number)).numpy() for number in range(200)]
    assert np.mean(values) == pytest.approx(1.0, abs=0.1) and np.std(values) > 0.1 and max(values) < 2.0
    assert method.loss(tf.constant([1.0, 1.0]), BOTH, step(7)).numpy() == pytest.approx(2.0)
    assert values[7] == RandomWeighting(2, 3).loss(tf.constant([1.0, 0.0]), BOTH, step(7)).numpy()
    assert method.loss(tf.constant([1.5, 9.0]), tf.constant([True, False]), step(0)).numpy() == pytest.approx(1.5)


def small_model(balancing, affinity=None):
    keras.utils.set_random_seed(0)
    waveform = keras.Input((8,), name="waveform")
    hidden = keras.layers.Dense(6, activation="tanh", name="trunk")(waveform)
    outputs = {name: keras.layers.Dense(3, activation="softmax", name=name)(hidden) for name in ("a", "b")}
    losses = {name: keras.losses.SparseCategoricalCrossentropy(reduction="sum") for name in outputs}
    model = (keras.Model if balancing is None else BalancedModel)({"waveform": waveform}, outputs)
    if balancing is not None:
        model.balance(balancing, losses, {"a": 1.0, "b": 1.0}, affinity)
    model.compile("sgd", loss=losses)
    if balancing is not None:
        model.optimizer.build([*model.trainable_variables, *balancing.learned])
    return model


def data(of_b=1.0):
    rng = np.random.default_rng(0)
    labels = {"a": rng.integers(0, 3, 10), "b": rng.integers(0, 3, 10)}
    weights = {"a": np.ones(10, np.float32), "b": np.full(10, of_b, np.float32)}
    return {"waveform": rng.normal(size=(10, 8)).astype(np.float32)}, labels, weights


@pytest.mark.parametrize("method", [UncertaintyWeighting(2, 0), Famo(2, 0)])
def test_momentum_does_not_move_what_a_task_learned_in_batches_without_its_labels(method):
    model = small_model(method)
    model.compile("adam", loss=model.loss)
    model.optimizer.build([*model.trainable_variables, *method.learned])
    inputs, labels, weights = data()
    model.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=5)
    before = np.array(method.state[0])
    inputs, labels, weights = data(of_b=0.0)
    model.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=5)
    after = np.array(method.state[0])
    assert after[1] == before[1] and (after[0] != before[0] or isinstance(method, Famo))


@pytest.mark.parametrize("name", METHODS)
def test_a_task_without_labels_in_a_batch_changes_nothing(name):
    """The step is that of the other task alone, in the trunk and in both heads."""
    inputs, labels, weights = data(of_b=0.0)
    balanced = small_model(build_balancing(name, 2, 0, 2.0))
    balanced.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=10)
    plain = small_model(None)
    head = plain.get_layer("b").get_weights()
    plain.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=10)
    for one, other in zip(balanced.plain().get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_array_equal(balanced.get_layer("b").get_weights()[0], head[0])


def test_pcgrad_of_agreeing_tasks_is_their_sum():
    inputs, labels, weights = data()
    labels["b"] = labels["a"]
    models = [small_model(method) for method in (PcGrad(2, 0), None)]
    for model in models:
        model.get_layer("b").set_weights(model.get_layer("a").get_weights())
        model.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=10)
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "famo" else pytest.mark.slow) for name in METHODS]
)
def test_a_run_is_carried_on_to_the_same_scores(name, small_run):
    arguments = [*small_run, f"training.balancing={name}", "training.epochs=2"]
    whole = run_experiment(compose(arguments))
    stopped = [*arguments, "runs_dir=stopped"]
    walk(compose([*stopped, "training.stop_after_epoch=1", "score_test=false"]), lambda folder: None)
    again = run_experiment(compose(stopped))
    one, other = (load_history(folder).drop(columns="seconds") for folder in (whole, again))
    np.testing.assert_array_equal(one.to_numpy(), other.to_numpy())
    assert len(one) == 2
    model = keras.models.load_model(again / "model.keras")
    assert type(model) is not BalancedModel


def test_affinity_is_what_a_step_of_one_task_does_to_another():
    inputs, labels, weights = data()
    model = small_model(EqualWeighting(2, 0), AffinityMeter(["a", "b"], 1))
    state = model.get_weights()
    variables = [model.get_layer("trunk").kernel, model.get_layer("trunk").bias]

    def losses():
        answers = model(inputs, training=False)
        return [
            keras.losses.SparseCategoricalCrossentropy(reduction="sum")(labels[name], answers[name]) for name in "ab"
        ]

    with tf.GradientTape(persistent=True) as tape:
        before = losses()
    gradients = [tape.gradient(loss, [variable.value for variable in variables]) for loss in before]
    expected = {}
    for place, one in enumerate("ab"):
        for variable, gradient in zip(variables, gradients[place], strict=True):
            variable.assign(variable.value - 0.01 * gradient)
        after = losses()
        model.set_weights(state)
        other = 1 - place
        expected[f"affinity_{one}_{'ab'[other]}"] = float(1 - after[other] / before[other])
    flat = [np.concatenate([part.numpy().ravel() for part in own]) for own in gradients]
    cosine = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
    history = model.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=10).history
    for name, value in expected.items():
        assert history[name][0] == pytest.approx(value, abs=1e-5)
    assert history["cosine_a_b"][0] == pytest.approx(cosine, abs=1e-5)
    assert history["cosine_a_b_trunk"][0] == pytest.approx(cosine, abs=1e-5)
    inputs, labels, weights = data(of_b=0.0)
    history = model.fit(inputs, labels, sample_weight=weights, verbose=0, batch_size=10).history
    assert np.isnan(history["affinity_a_b"][0]) and np.isnan(history["cosine_a_b"][0])  # nothing was measured


def test_measuring_changes_no_weight(small_run):
    """Not to the last bit, and the scores of every epoch stay what they are."""
    folders = [
        run_experiment(compose([*small_run, "training.epochs=2", f"training.affinity_every={every}"]))
        for every in ("null", "2")
    ]
    one, other = (load_history(folder).drop(columns="seconds") for folder in folders)
    shared = [name for name in one if not name.endswith("loss")]
    np.testing.assert_array_equal(one[shared].to_numpy(), other[shared].to_numpy())
    assert {"cosine_digit_speaker", "affinity_digit_speaker", "affinity_speaker_digit"} <= set(other) - set(one)
    assert not [name for name in other if name.startswith(("val_cosine", "val_affinity"))]
    weights = [keras.models.load_model(folder / "model.keras").get_weights() for folder in folders]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)
