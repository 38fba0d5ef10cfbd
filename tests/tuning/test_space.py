"""From what an oracle chose to the keys of a run."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.tuning.dimensions import read_dimensions
from mtl_tf.tuning.oracles import make_oracle
from mtl_tf.tuning.search import SearchConfig, read_search
from mtl_tf.tuning.space import as_arguments, check_space, hyperparameters

SPACE = """
training.learning_rate: {float: [1e-4, 1e-2], log: true}
training.optimizer: [adam, sgd]
training.momentum: {float: [0, 0.9], when: {training.optimizer: sgd}}
model: {compact_cnn: {dropout: {float: [0, 0.5], step: 0.1}}, svm: {}}
frontend.num_mel_bins: [16, 32]
pipeline.random_crop: boolean
"""
BASE = ["experiment=fsdd", "data_root=somewhere"]


def draws(space, count, seed=0):
    """Draws values as keras-tuner's random search does."""
    search = SearchConfig(space=space, tuner="random", trials=count, search_seed=seed)
    dimensions = read_dimensions(space)
    oracle = make_oracle(search, hyperparameters(dimensions), epochs=10)
    found = []
    for number in range(count):
        trial = oracle.create_trial(f"tuner{number}")
        found.append(trial.hyperparameters.values)
    return dimensions, found


def test_every_draw_is_a_run_that_the_schema_takes():
    dimensions, found = draws(yaml.safe_load(SPACE), 30)
    for values in found:
        config = compose([*BASE, *as_arguments(values, dimensions)])
        assert 1e-4 <= config.training.learning_rate <= 1e-2
        assert config.model.name == values["model"] and config.options("frontend")["num_mel_bins"] in (16, 32)
        assert isinstance(config.pipeline.random_crop, bool)
        # What is searched under a condition is not given where the condition does not hold.
        assert ("training.momentum" in values) == (values["training.optimizer"] == "sgd")
        assert ("model.dropout" in values) == (values["model"] == "compact_cnn")
    assert {values["model"] for values in found} == {"compact_cnn", "svm"}
    assert len({values["training.learning_rate"] for values in found}) == 30


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"float": [0.1, 0.3], "step": 0.1}, [0.1, 0.2, 0.3]),
        ({"float": [0, 0.5], "step": 0.2}, [0.0, 0.2, 0.4]),
        ({"float": [0.001, 1], "step": 10, "log": True}, [0.001, 0.01, 0.1, 1.0]),
        ({"int": [2, 6], "step": 2}, [2, 4, 6]),
    ],
)
def test_a_stepped_range_has_both_its_ends(entry, expected):
    (dimension,) = hyperparameters(read_dimensions({"a": entry})).space
    assert list(dimension.values) == expected


def test_logarithmic_ranges_are_drawn_evenly_in_their_logarithm():
    _, found = draws({"training.learning_rate": {"float": [1e-4, 1e-2], "log": True}}, 200)
    rates = np.log10([values["training.learning_rate"] for values in found])
    assert np.mean(rates < -3) == pytest.approx(0.5, abs=0.12)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_shares_sum_to_one_and_are_never_negative(parts):
    tasks = ["a", "b", "c", "d"]
    dimensions = read_dimensions({"training.loss_weights": {"sum_to_one": tasks}})
    values = {f"training.loss_weights.{task}": part for task, part in zip(tasks, parts, strict=False)}
    (argument,) = as_arguments(values, dimensions)
    shares = yaml.safe_load(argument.partition("=")[2])
    assert list(shares) == tasks and min(shares.values()) >= 0
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)


def test_no_task_is_preferred_in_the_draw_of_shares():
    tasks = ["a", "b", "c"]
    dimensions, found = draws({"training.loss_weights": {"sum_to_one": tasks}}, 600)
    shares = [yaml.safe_load(as_arguments(values, dimensions)[0].partition("=")[2]) for values in found]
    means = [np.mean([share[task] for share in shares]) for task in tasks]
    np.testing.assert_allclose(means, 1 / 3, atol=0.04)  # as of a uniform Dirichlet distribution, deviation 0.24


def test_numbers_have_six_digits():
    dimensions = read_dimensions({"training.learning_rate": {"float": [1e-5, 1], "log": True}})
    given = [
        as_arguments({"training.learning_rate": value}, dimensions)[0] for value in (0.0012345678, 0.1 + 0.2, 1.0, 1e-5)
    ]
    assert given == [f"training.learning_rate={text}" for text in ("0.00123457", "0.3", "1.0", "1.0e-05")]


def check(*arguments):
    search, run, _ = read_search([*BASE, *arguments])
    return check_space(read_dimensions(search.space), run)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search.training.learning_rte=[1,2]"], "unknown key training.learning_rte. Did you mean"),
        (["search.training.epochs=[0,5]"], "search.training.epochs: training.epochs=0"),
        (["search.training.optimizer=[adam,adan]"], "search.training.optimizer: training.optimizer='adan'"),
        (["search.frontend.num_mel_bins={float: [16, 32.5]}"], "search.frontend.num_mel_bins: "),
        (["search.model={compact_cnn: {gru_unit: [1, 2]}}"], "unknown key model.gru_unit"),
        (["search.training.epochs=[2,5]", "training.epochs=3"], "training.epochs is given and is searched too"),
        (["search.training.epochs=[2,5]", "repeats=3"], "repeats: a search sets it itself"),
        (["search.score_test=boolean"], "search.score_test: a search sets it itself"),
        (["search.training.stop_after_epoch=[1,2]"], "search.training.stop_after_epoch: a search sets it itself"),
        (["search.seed=[1,2]"], "search.seed: a search sets it itself"),
        (["search.split.strategy=[random,k_fold]"], "search.split.strategy: trials would be scored on other clips"),
        (["search.tasks.digit.main_metric=[uar,accuracy]"], "search.tasks.digit.main_metric: trials would be scored"),
        (["search.corpora.fsdd.name=[fsdd,esc10]"], "search.corpora.fsdd.name: trials would be scored"),
        (
            ["search.training.loss_weights={sum_to_one: [digit, emotion]}"],
            "sum_to_one names digit, emotion; the tasks of the run are digit, speaker",
        ),
        (
            ["search.training.loss_weights={sum_to_one: [digit, speaker]}", "training.loss_weights.digit=2"],
            "take it out of the search with ~search.training.loss_weights",
        ),
        (["search=compact", "model=svm"], r"search.model.dropout: unknown key model.dropout"),
    ],
)
def test_keys_and_values_are_checked_before_the_first_trial(arguments, message):
    with pytest.raises(UserError, match=message):
        check(*arguments)


def test_a_key_may_have_two_conditions():
    space = yaml.safe_load(
        """
        training.optimizer: [adam, sgd]
        pipeline.batch_size: [8, 16]
        training.momentum: {float: [0, 0.9], when: {training.optimizer: sgd, pipeline.batch_size: "16"}}
        model: {compact_cnn: {dropout: {choice: [0.1, 0.2], when: {training.optimizer: adam}}}, svm: {}}
        """
    )
    check_space(read_dimensions(space), BASE)
    _, found = draws(space, 80)
    found = [values for values in found if values]  # it ends where no combination is new
    assert any("training.momentum" in values for values in found) and any("model.dropout" in values for values in found)
    for values in found:
        both = values["training.optimizer"] == "sgd" and values["pipeline.batch_size"] == 16
        assert ("training.momentum" in values) == both
        assert ("model.dropout" in values) == (
            values["model"] == "compact_cnn" and values["training.optimizer"] == "adam"
        )


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband"])
def test_seeds_of_a_search_draw_apart(tuner):
    space = {"training.learning_rate": {"float": [1e-4, 1e-2], "log": True}}
    found = []
    for seed in range(4):
        oracle = make_oracle(
            SearchConfig(space=space, tuner=tuner, search_seed=seed), hyperparameters(read_dimensions(space)), epochs=30
        )
        found += [oracle.create_trial(f"tuner{number}").hyperparameters.values for number in range(3)]
    assert len({values["training.learning_rate"] for values in found}) == 12


def test_conditions_of_conditions_hold():
    space = yaml.safe_load(
        """
        training.optimizer: [adam, sgd]
        pipeline.random_crop: {boolean: true, when: {training.optimizer: sgd}}
        training.momentum: {float: [0, 0.9], when: {pipeline.random_crop: true}}
        """
    )
    check_space(read_dimensions(space), BASE)
    _, found = draws(space, 60)
    deep = [values for values in found if "training.momentum" in values]
    assert deep and all(values["training.optimizer"] == "sgd" and values["pipeline.random_crop"] for values in deep)
    assert any(values["training.optimizer"] == "sgd" and not values["pipeline.random_crop"] for values in found)
