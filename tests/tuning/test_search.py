"""The command line of a search, and its objective."""

import pytest

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.tuning.help import help_text
from mtl_tf.tuning.search import SearchConfig, check_objective, read_search, search_names

SPACE = ["search.training.epochs=[2,3]"]


def test_the_command_line_is_divided():
    search, run, keys = read_search(
        [
            *("experiment=fsdd", "search=compact", "tuner=grid", "trials=7", "search.model.dropout=[0.1,0.2]"),
            *("~search.model.time_mask_frames", "training.epochs=4", "workers=2"),
        ],
        ("workers",),
    )
    assert (search.tuner, search.trials, keys) == ("grid", 7, {"workers": "2"})
    assert search.space["model.dropout"] == [0.1, 0.2] and "model.time_mask_frames" not in search.space
    assert run == ["model=compact_cnn", "experiment=fsdd", "training.epochs=4"]


def test_what_is_typed_stands_above_what_a_search_fixes():
    assert read_search(["search=compact", "model=svm"])[1] == ["model=svm"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["experiment=fsdd"], "nothing to search: give search=NAME, one of compact"),
        (["search=compakt"], "no search is called compakt. Did you mean compact?"),
        ([*SPACE, "tuner=genetic"], "tuner='genetic': input should be 'hyperband'"),
        ([*SPACE, "trials=0"], "trials=0"),
        ([*SPACE, "trails=5"], "unknown key trails. Did you mean trials?"),
        ([*SPACE, "minutes=soon"], "minutes='soon'"),
        ([*SPACE, "search.training.momentum=[0"], "search.training.momentum=.0: brackets or quotes do not match"),
        ([*SPACE, "~search.model.dropout"], "the search does not vary it"),
    ],
)
def test_mistakes_are_said_in_a_line(arguments, message):
    with pytest.raises(UserError, match=message):
        read_search(arguments)


@pytest.fixture(scope="module")
def config():
    return compose(["experiment=fsdd", "data_root=somewhere"])


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("mean", {"digit": ("accuracy", 0.5), "speaker": ("accuracy", 0.5)}),
        ("digit", {"digit": ("accuracy", 1.0)}),
        ("digit.cross_entropy", {"digit": ("cross_entropy", 1.0)}),
        ({"digit": 3, "speaker.uar": 1}, {"digit": ("accuracy", 0.75), "speaker": ("uar", 0.25)}),
    ],
)
def test_an_objective_is_weights_of_scores(objective, expected, config):
    assert check_objective(SearchConfig(space={"a": [1, 2]}, objective=objective), config) == expected


@pytest.mark.parametrize("objective", ["digits", "digit.f1", {"digit": 1, "emotion": 1}])
def test_an_objective_that_no_run_has_is_said(objective, config):
    with pytest.raises(UserError, match="no such score"):
        check_objective(SearchConfig(space={"a": [1, 2]}, objective=objective), config)


@pytest.mark.parametrize("name", search_names())
def test_help_prints_the_space(name):
    text = help_text([f"search={name}"])
    assert "training.learning_rate: " in text and "log" in text and "trials=20" in text


def test_help_without_a_search_lists_them():
    assert "Searches (search=NAME): compact, fu2020, georgiev2017, lu2020, zeng2018" in help_text()
