"""Events: their text, the rules for those that cannot be, and the targets of steps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_tf.annotations import Event, read_events, sound_events, write_events
from mtl_tf.config import LabelsConfig, TaskConfig
from mtl_tf.errors import UserError
from mtl_tf.tasks.events import event_names
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.labels import build_tasks
from mtl_tf.tasks.task import Task

PERIOD_S, FIRST_S = 0.04, -0.02
TASK = Task("event", ("cat", "dog"), "frame_f1", exclusive=False, of_frames=True)

seconds = st.integers(-1_000_000, 10_000_000).map(lambda micro: micro / 1e6)
events = st.lists(
    st.tuples(
        seconds, st.integers(1, 4_000_000).map(lambda micro: micro / 1e6), st.sampled_from(["cat", "dog", "a@b"])
    ),
    max_size=6,
).map(lambda rows: [Event(onset, round(onset + length, 6), label) for onset, length, label in rows])


@given(events)
def test_events_survive_their_text(given_events):
    assert sorted(read_events(write_events(given_events))) == sorted(given_events)


@pytest.mark.parametrize(
    ("given_events", "kept", "wrong"),
    [
        ([(2.0, 1.0)], [], "its onset behind its offset"),
        ([(1.0, 1.0)], [], "no length"),
        ([(1.0, 11.0)], [(1.0, 10.0)], "ends behind the clip's end at 10.000 s"),
        ([(1.0, 10.05)], [(1.0, 10.0)], None),
        ([(10.0, 11.0)], [], "begins behind the clip's end"),
        ([(-1.0, -0.5)], [], "ends before the clip begins"),
        ([(-1.0, 2.0)], [(0.0, 2.0)], "begins before the clip does"),
        ([(-0.05, 2.0)], [(0.0, 2.0)], None),
        ([(1.0, 3.0), (2.0, 4.0)], [(1.0, 4.0)], "overlaps another dog"),
        ([(1.0, 5.0), (2.0, 4.0)], [(1.0, 5.0)], "overlaps another dog"),
        ([(1.0, 3.0), (3.0, 4.0)], [(1.0, 4.0)], None),
        ([(1.0, 3.0), (3.1, 4.0)], [(1.0, 3.0), (3.1, 4.0)], None),
    ],
)
def test_events_that_cannot_be_have_a_rule(given_events, kept, wrong):
    found, reasons = sound_events([Event(*times, "dog") for times in given_events], 10.0)
    assert [(event.onset_s, event.offset_s) for event in found] == kept
    assert (wrong in reasons[0]) if wrong else not reasons


def test_two_classes_may_overlap_and_times_may_be_unknown():
    given_events = [Event(1.0, 3.0, "dog"), Event(2.0, 4.0, "cat"), Event(None, None, "rain"), Event(8.0, 1e6, "?")]
    found, reasons = sound_events(given_events, 10.0)
    assert not reasons and set(found) == {*given_events[:3], Event(8.0, 10.0, "?")}


def labels_of(*texts, task=TASK):
    return FrameLabels(task, texts, np.full(len(texts), 20.0))


def edges_of(column):
    padded = np.concatenate([[0], column == 1, [0]]).astype(int)
    return np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)


@settings(max_examples=200, deadline=None)
@given(onset=st.floats(0, 9.0), length=st.floats(0.001, 3.0), crop=st.floats(0, 5.0))
def test_onsets_survive_steps_and_crops_within_half_a_step(onset, length, crop):
    offset = onset + length
    labels = labels_of(write_events([Event(onset, offset, "dog")]))
    onset, offset = read_events(write_events([Event(onset, offset, "dog")]))[0][:2]  # written to the microsecond
    number = 150
    found = labels.targets(0, crop, number * PERIOD_S, FIRST_S, PERIOD_S, number)[:, 1]
    if offset <= crop or onset >= crop + number * PERIOD_S:
        assert not (found == 1).any()
        return
    (begin,), (end,) = edges_of(found)
    if crop <= onset <= crop + (number - 1) * PERIOD_S:
        assert abs(FIRST_S + begin * PERIOD_S - (onset - crop)) <= PERIOD_S / 2 + 1e-9
    if offset - onset >= PERIOD_S and crop + PERIOD_S <= offset <= crop + (number - 1) * PERIOD_S:
        assert abs(FIRST_S + end * PERIOD_S - (offset - crop)) <= PERIOD_S / 2 + 1e-9


@settings(max_examples=100, deadline=None)
@given(given_events=events, first=st.integers(0, 60), second=st.integers(0, 60))
def test_a_crop_of_a_crop_is_a_crop(given_events, first, second):
    """Crops by whole steps, so that both have the same steps."""
    labels = labels_of(write_events(sound_events(given_events, 20.0)[0]))
    whole = labels.targets(0, first * PERIOD_S, 8.0, FIRST_S, PERIOD_S, 200)
    part = labels.targets(0, (first + second) * PERIOD_S, 4.0, FIRST_S, PERIOD_S, 100)
    # At the edges of a crop an event that reaches beyond is cut there.
    np.testing.assert_array_equal(part[1:-1], whole[second + 1 : second + 99])


def test_an_edge_between_two_steps_is_cut_alike_in_every_crop():
    """Rounding halves to even, or the last bit of a difference, would move it by a step from crop to crop."""
    labels = labels_of("dog@1.02-2.1", "dog@0.94-2.02")
    for row in range(2):
        found = [labels.targets(row, 0.04 * crop, 8.0, 0.0, 0.04, 100)[:, 1] for crop in range(20)]
        np.testing.assert_array_equal(
            [np.flatnonzero(values == 1) + crop for crop, values in enumerate(found)],
            [np.flatnonzero(found[0] == 1)] * 20,
        )


def test_what_was_not_annotated_is_not_known():
    texts = ("dog@1-2", "dog@1-2;?cat", "dog@1-2;?", "", "?", None, "dog", "?@0-4", "dog@1-2;?dog@3-4")
    labels = labels_of(*texts)
    found = [labels.targets(row, 0.0, 4.0, 0.0, 1.0, 4).T.tolist() for row in range(len(texts))]
    dog = [0, 1, 0, 0]
    unknown, none = [-1] * 4, [0] * 4
    assert found == [
        [none, dog],
        [unknown, dog],
        [unknown, dog],
        [none, none],
        [unknown, unknown],
        [unknown, unknown],
        [none, unknown],
        [unknown, unknown],
        [none, [0, 1, 0, -1]],
    ]
    assert TASK.is_labelled(labels.known).tolist() == [True, True, True, True, False, False, True, True, True]


def test_steps_of_an_exclusive_task_have_one_class():
    classes = ("music", "neither", "speech")
    task = Task("sound", classes, "frame_f1", of_frames=True, background="neither")
    labels = labels_of("music@0-2;speech@3-4", task=task)
    found = labels.targets(0, 0.0, 5.0, 0.0, 1.0, 5)
    assert [classes[index] for index in found.argmax(axis=1)] == ["music", "music", "neither", "speech", "neither"]
    assert (found.sum(axis=1) == 1).all()
    both = labels_of("music@0-2;speech@1-3", task=task).targets(0, 0.0, 3.0, 0.0, 1.0, 3)
    assert both.argmax(axis=1)[[0, 2]].tolist() == [0, 2] and (both[1] == -1).all()
    open_task = Task("sound", classes, "frame_f1", of_frames=True)
    assert (labels_of("music@0-2", task=open_task).targets(0, 0.0, 3.0, 0.0, 1.0, 3)[2] == -1).all()


def manifest(**columns):
    count = len(next(iter(columns.values())))
    return pd.DataFrame(
        {"corpus": ["a"] * count, "num_frames": 40_000, "sample_rate": 8000, "split": "train"} | columns
    )


def task_config(**labels):
    return TaskConfig(kind="frame_multi_label", labels={"a": LabelsConfig(column="event_times", **labels)})


def test_native_events_are_mapped_ignored_and_mended():
    config = task_config(map={"bark": "dog"}, ignore=["hum"])
    table = manifest(event_times=["bark@1-2;dog@1.5-9;hum@0-1", None, "cat@1-1"])
    tasks, names = build_tasks({"event": config}, table)
    assert tasks["event"].classes == ("dog",) and tasks["event"].main_metric == "frame_f1"
    assert names["event"].tolist() == ["dog@1-5", "", ""]
    assert event_names("event", task_config(empty="unknown"), table)[1] is None
    assert event_names("event", task_config(annotated="positive"), table)[0] == "?;hum@0-1;bark@1-2;dog@1.5-5"


def test_an_event_without_a_class_stops_the_run_with_its_count():
    config = TaskConfig(kind="frame_multi_label", classes=["dog"], labels={"a": LabelsConfig(column="event_times")})
    message = r"tasks\.event\.labels\.a: events without a class: dogg \(2 events\).*Did you mean dog"
    with pytest.raises(UserError, match=message):
        build_tasks({"event": config}, manifest(event_times=["dogg@1-2;dogg@3-4;dog@1-2"]))
    with pytest.raises(UserError, match="no training clip has an event"):
        build_tasks({"event": task_config()}, manifest(event_times=[None, None]))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"background": "none"}, "background=none needs kind=frame_single_label"),
        ({"kind": "frame_single_label", "classes": ["a"], "background": "b"}, "background=b is none of the classes"),
        ({"closed_set": True}, "closed_set=true needs kind=single_label"),
        ({"main_metric": "map"}, "main_metric of kind=frame_multi_label is frame_f1"),
    ],
)
def test_properties_that_do_not_go_together_are_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        TaskConfig(**({"kind": "frame_multi_label", "labels": {"a": {"column": "x"}}} | keys))
