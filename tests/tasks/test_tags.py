"""Tags: what is there, what is absent, and what nobody looked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_tf.compose import compose
from mtl_tf.config import TaskConfig
from mtl_tf.errors import UserError
from mtl_tf.tasks.labels import build_tasks, class_names, index_labels
from mtl_tf.tasks.tags import tag_targets, tags_of


def table(**columns):
    length = len(next(iter(columns.values())))
    return pd.DataFrame({"corpus": ["c"] * length, **columns}, dtype=object)


def tags(classes=None, **labels):
    return TaskConfig(kind="multi_label", classes=classes, labels={"c": labels})


def targets_of(config, manifest):
    tasks, names = build_tasks({"t": config}, manifest.assign(split="train"))
    return tasks["t"].classes, index_labels(tasks["t"], names["t"], np.ones(len(manifest), bool)).tolist()


def test_cells_list_tags_and_an_empty_one_says_that_none_is_there():
    manifest = table(heard=["dog, rain", None, "", "rain"])
    assert targets_of(tags(column="heard"), manifest) == (("dog", "rain"), [[1, 1], [0, 0], [0, 0], [0, 1]])
    unknown = targets_of(tags(column="heard", empty="unknown"), manifest)[1]
    assert unknown == [[1, 1], [-1, -1], [0, 0], [0, 1]]


def test_a_tag_that_is_not_named_is_unknown_where_only_positives_were_annotated():
    manifest = table(heard=["dog|rain", "rain"])
    found = targets_of(
        tags(column="heard", separator="|", annotated="positive", classes=["cat", "dog", "rain"]), manifest
    )
    assert found[1] == [[-1, 1, 1], [-1, -1, 1]]


def test_a_column_of_yes_and_no_for_each_tag():
    manifest = table(is_dog=["1", "0", "yes", None], rain=["true", "-1", "false", "wahr"])
    config = tags(columns={"dog": "is_dog", "rain": "rain"}, ignore=["-1"])
    assert targets_of(config, manifest) == (("dog", "rain"), [[1, 1], [0, -1], [1, 0], [-1, 1]])
    with pytest.raises(UserError, match="column rain holds '-1', which is neither yes nor no"):
        class_names("t", tags(columns={"dog": "is_dog", "rain": "rain"}), manifest)


def test_tags_are_mapped_ignored_and_refused_with_their_count():
    manifest = table(heard=["Hund,wind", "Hund,Regen", "dgo"])
    config = tags(column="heard", map={"Hund": "dog", "Regen": "rain"}, ignore=["wind"], classes=["dog", "rain"])
    with pytest.raises(UserError, match=r"dgo \(1 clips\).*Did you mean dog"):
        class_names("t", config, manifest)
    manifest = manifest.iloc[:2]
    assert targets_of(config, manifest)[1] == [[1, 0], [1, 1]]
    with pytest.raises(UserError, match="a tag may not be empty, hold ';'"):
        class_names("t", tags(column="heard"), table(heard=["a;b"]))
    with pytest.raises(UserError, match="as '' does"):
        class_names("t", tags(column="heard", map={"x": ""}), table(heard=["x"]))
    with pytest.raises(UserError, match=r"as '\?dog' does"):
        class_names("t", tags(columns={"?dog": "heard"}), table(heard=["1"]))
    with pytest.raises(UserError, match="no training clip has a tag"):
        build_tasks({"t": tags(column="heard")}, table(heard=[None, ""]).assign(split="train"))


def test_clips_of_a_corpus_without_the_task_have_no_label():
    manifest = table(heard=["dog", "rain"])
    manifest["corpus"] = ["c", "other"]
    tasks, names = build_tasks({"t": tags(column="heard")}, manifest.assign(split="train"))
    index = index_labels(tasks["t"], names["t"], np.ones(2, bool))
    assert tasks["t"].is_labelled(index).tolist() == [True, False]


@given(st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=6))
def test_targets_survive_being_written(rows):
    classes = ("a", "b c", "d")
    names = [
        ";".join([name for name, value in zip(classes, row, strict=True) if value == 1]
                 + ["?" + name for name, value in zip(classes, row, strict=True) if value == -1])
        for row in rows
    ]  # fmt: skip
    targets = tag_targets(classes, pd.Series(names))
    assert targets.tolist() == rows
    assert [tags_of(row, classes).split(";") for row in targets] == [
        [name for name, value in zip(classes, row, strict=True) if value == 1] or [""] for row in rows
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tasks.digit.main_metric=uar", "tasks.digit: main_metric of kind=multi_label is map or macro_f1"),
        ("tasks.digit.closed_set=true", "tasks.digit: closed_set=true needs kind=single_label"),
        ("tasks.digit.labels.fsdd.columns={a: b}", "tasks.digit.labels.fsdd: give either column or columns"),
        ("training.monitor=digit.uar", "training.monitor=digit.uar: give mean, loss"),
    ],
)
def test_keys_that_do_not_go_with_tags_are_named(override, message):
    fixed = ["experiment=fsdd", "task=[digit]", "tasks.digit.kind=multi_label", "tasks.digit.main_metric=map"]
    compose(fixed)
    with pytest.raises(UserError, match=message):
        compose([*fixed, override])


def test_a_tag_that_a_corpus_never_has_is_unknown_there():
    manifest = table(heard=["dog,rain", "dog", None, None], has_car=[None, None, "1", "0"])
    manifest["corpus"] = ["park", "park", "street", "street"]
    labels = {"park": {"column": "heard"}, "street": {"columns": {"car": "has_car"}}}
    config = TaskConfig(kind="multi_label", labels=labels)
    tasks, names = build_tasks({"t": config}, manifest.assign(split="train"))
    assert tasks["t"].classes == ("car", "dog", "rain")
    index = index_labels(tasks["t"], names["t"], np.ones(4, bool)).tolist()
    assert index == [[-1, 1, 1], [-1, 1, 0], [1, -1, -1], [0, -1, -1]]
