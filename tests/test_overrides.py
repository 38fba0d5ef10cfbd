"""What is typed is what is meant: text stays text, in every key that takes text, and an idle key stops nothing."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_tf.compose import compose
from mtl_tf.config_files import choices
from mtl_tf.errors import UserError
from mtl_tf.overrides import read_override, typed_value

FOLDERS = [
    *(
        "/data/Sprachübung",
        "/My Audio (2)",
        "it's",
        "#1",
        "a&b",
        "x=y",
        "[1]",
        "{a}",
        "a,b",
        "a: b",
        "~user/x",
        "$HOME",
    ),
    *(
        "01",
        "1e3",
        "true",
        "yes",
        "null?",
        "!!int 3",
        "- a",
        "*x",
        "&x",
        "%20",
        "@x",
        "`x`",
        '"half',
        "back\\slash",
        "${x}",
    ),
]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("key", ["data_root", "runs_dir", "prepared_dir"])
def test_a_folder_of_any_name_is_taken_as_typed(key, folder):
    expected = folder
    if folder.startswith("~"):
        expected = os.path.expanduser(folder)  # noqa: PTH111
    assert compose(["experiment=fsdd", f"{key}={folder}"]).model_dump()[key] == expected


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(
        lambda text: text[0] not in "'\"~"
    )
)
def test_any_text_is_taken_as_typed(text):
    assert typed_value("data_root", text) == (None if text == "null" else text)


def test_the_home_folder_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert typed_value("data_root", "~/audio") == "/home/me/audio"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("split.test_groups", "[13,14]", ["13", "14"]),
        ("split.test_groups", "[01, '02', None]", ["01", "02", "None"]),
        ("split.test_groups", "13,14", ["13", "14"]),
        ("corpora.fsdd.where.digit", "[0,1]", ["0", "1"]),
        ("corpora.fsdd.where", "{digit:[0,1],speaker:[theo]}", {"digit": ["0", "1"], "speaker": ["theo"]}),
        ("tasks.t.labels.c.map", "{1:one,'2':two}", {"1": "one", "2": "two"}),
        ("tasks.t.classes", "null", None),
        ("fold", "null", None),
        ("seed", "3", 3),
        ("pipeline.noise_db", "[-80,-40]", [-80, -40]),
        ("training.loss_weights", "{digit:2}", {"digit": 2}),
        ("model.filters", "[[1],[2,3]]", [[1], [2, 3]]),
        ("model.second_activation", "4*sigmoid-2", "4*sigmoid-2"),
    ],
)
def test_values_have_the_kind_that_the_key_takes(key, text, value):
    assert typed_value(key, text) == value


def test_keys_can_be_taken_back():
    assert compose(["experiment=fsdd"]).pipeline.noise_db is not None
    assert compose(["experiment=fsdd", "~pipeline.noise_db"]).pipeline.noise_db is None
    assert read_override("+seed=1") == read_override("seed=1")


@pytest.mark.parametrize("name", [name for name in choices("experiment") if not name.startswith("zeng2018_table")])
def test_a_single_task_baseline_of_any_experiment_is_one_argument(name):
    for task in compose([f"experiment={name}"]).tasks:
        for choice in choices("task"):  # emotion_savee is the task emotion
            notes = []
            if choice == task or choice.startswith(f"{task}_"):
                try:
                    config = compose([f"experiment={name}", f"task=[{choice}]"], notes.append)
                except UserError as error:
                    assert "none of which is a corpus of this run" in str(error)  # emotion_emodb on SAVEE
                    continue
                assert list(config.tasks) == [task]
                assert all(set(config.tasks[task].labels) & {corpus} for corpus in config.corpora)
                assert {entry.task for entry in config.published} <= {task}


def test_what_a_choice_makes_idle_is_dropped_with_a_note():
    notes = []
    typed = ["experiment=spoken_digits", "task=[keyword]", "training.monitor=keyword.uar"]
    config = compose(typed, notes.append)
    assert config.training.loss_weights == {} and config.training.monitor == "keyword.uar"
    assert notes == ["not used with this choice, and dropped: training.loss_weights.accent"]
    notes.clear()
    config = compose(["experiment=fsdd_and_esc10", "corpus=[esc10]"], notes.append)
    assert (list(config.tasks), list(config.corpora)) == (["scene"], ["esc10"])
    assert "tasks.digit (no label in esc10)" in notes[0]
    notes.clear()
    assert compose(["experiment=fsdd_and_esc10"], notes.append) and not notes
