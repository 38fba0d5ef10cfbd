"""The command line of a search, and its objective."""

import pytest

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.tuning.dimensions import read_dimensions
from mtl_tf.tuning.help import help_text
from mtl_tf.tuning.oracles import check_hyperband
from mtl_tf.tuning.search import SearchConfig, check_objective, read_search, search_names
from mtl_tf.tuning.space import check_space, hyperparameters

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
        ([*SPACE, "search.training.momentum=[0"], "search.training.momentum=.0: brackets do not match"),
        ([*SPACE, "search.training.momentum="], "search.training.momentum needs a value"),
        (["~search.a"], "~search.a: the search does not vary it.$"),
        ([*SPACE, "--trials", "3"], "--trials: a search takes key=value, as in trials=20"),
        ([*SPACE, "relative_to="], "relative_to needs a value"),
        (["search="], "no search is called nothing. Known: compact"),
        ([*SPACE, "objective=5"], "objective=5: give mean, TASK, TASK.METRIC"),
        ([*SPACE, "objective=[digit]"], "objective=.'digit'.: give mean"),
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


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("digits", "no such score"),
        ("digit.f1", "no such score"),
        ("digit.", "no such score"),
        ({"digit": 1, "emotion": 1}, "no such score"),
        ({"digit": 1, "digit.uar": 2}, "names digit twice"),
        ({"digit": 0}, "with weights above 0"),
        ({}, "with weights above 0"),
    ],
)
def test_an_objective_that_no_run_has_is_said(objective, message, config):
    with pytest.raises(UserError, match=message):
        check_objective(SearchConfig(space={"a": [1, 2]}, objective=objective), config)


@pytest.mark.parametrize("name", search_names())
def test_help_prints_the_space(name):
    text = help_text([f"search={name}"])
    assert "training.learning_rate: " in text and "log" in text and "trials=20" in text


def test_help_without_a_search_lists_them():
    assert "Searches (search=NAME): compact, fu2020, georgiev2017, lu2020, zeng2018" in help_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "give space: with a key of a run on each line below"),
        (b"[1, 2]", "give space:"),
        (b"space: [a]", "give space:"),
        (b"spaces: {a: [1, 2]}", "give space:"),
        (b"space: {a: [1", "is no YAML"),
        (b"space:\n  a: \xff", "is no YAML"),
        (b"space: {a: [1, 2]}\ntrails: 3", "search: unknown key trails. Did you mean trials"),
    ],
)
def test_a_damaged_file_of_a_search_is_named(content, message, tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "mine.yaml").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_search(["search=mine", f"config_dir={tmp_path}"])


@pytest.mark.parametrize(
    ("name", "experiment"),
    [
        ("zeng2018", "zeng2018_gresnet_multitask"),
        ("lu2020", "lu2020_cab_cnn_5s"),
        ("fu2020", "fu2020_multitask"),
        ("georgiev2017", "georgiev2017"),
        ("compact", "real_ravdess"),
    ],
)
def test_a_shipped_search_starts_with_its_defaults_on_the_experiment_it_is_for(name, experiment):
    search, arguments, _ = read_search([f"experiment={experiment}", f"search={name}"])
    dimensions = read_dimensions(search.space)
    config = check_space(dimensions, arguments)
    check_objective(search, config)
    if search.tuner == "hyperband":
        check_hyperband(search, hyperparameters(dimensions), config.training.epochs)
