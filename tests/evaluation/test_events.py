"""From probabilities of steps to events, and their scores, held to other code and to cases by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from mtl_tf.evaluation.event_finder import EventFinder
from mtl_tf.evaluation.event_scores import _Copied, score_events
from mtl_tf.evaluation.events import active_steps, clip_events, find_events
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.steps import Steps
from mtl_tf.tasks.task import Smoothing, Task

STEPS = Steps(0.05, 0.1, lambda samples: samples)
CLASSES = ("cat", "dog")
ODD_S = 0.000037  # so that no difference is a collar exactly, where rounding decides


def task(**keys):
    return Task("event", CLASSES, "frame_f1", of_frames=True, **({"exclusive": False} | keys))


def scored(truth, values, duration_s=10.0, **keys):
    """Scores clips given by their texts and probabilities."""
    asked = task(**keys)
    labels = FrameLabels(asked, truth, np.full(len(truth), duration_s))
    clips = clip_events(labels, np.arange(len(truth)), values, {}, STEPS)
    return score_events(clips, asked, STEPS, {}), clips


def random_case(rng, clips=4):
    """Draws truth and answers that are alike, with errors of all kinds, and clips without any event."""
    texts, values = [], []
    for _ in range(clips):
        events, probabilities = [], 0.3 * rng.uniform(size=(100, 2))
        for index, label in enumerate(CLASSES):
            at = round(rng.uniform(0, 3), 4)
            while at < 9 and rng.uniform() < 0.7:
                end = round(at + rng.uniform(0.2, 2.0), 4)
                if rng.uniform() < 0.8:
                    events.append(f"{label}@{at + ODD_S:.6f}-{min(end, 9.99) + ODD_S:.6f}")
                if rng.uniform() < 0.8:
                    first, last = (np.clip(edge + rng.normal(0, 0.15), 0, 10) for edge in (at, end))
                    probabilities[round(first * 10) : max(round(last * 10), round(first * 10) + 1), index] += 0.6
                at = round(end + rng.uniform(0.3, 2.0), 4)
        texts.append(";".join(events))
        values.append(probabilities)
    return texts, values


def test_scores_are_those_of_sed_scores_eval_on_random_cases():
    evaluation = pytest.importorskip("sed_scores_eval", reason="extra psds is not installed")
    import pandas as pd

    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(200):
        scores, clips = scored(*random_case(rng))
        truth = {str(number): [tuple(event) for event in clip.truth] for number, clip in enumerate(clips)}
        if not any(truth.values()):
            assert scores["event_f1"] is None and scores["segment_f1"] is None
        if {label for events in truth.values() for *_, label in events} != set(CLASSES):
            continue  # which the other code does not score
        answers = {}
        for number, clip in enumerate(clips):
            edges = np.linspace(0, 10, 101)
            frame = {"onset": edges[:-1].copy(), "offset": edges[1:].copy()}
            columns = dict(zip(CLASSES, clip.active.T.astype(float), strict=True))
            answers[str(number)] = _Copied(pd.DataFrame(frame | columns))
        durations = dict.fromkeys(answers, 10.0)
        collar = {"onset_collar": 0.2, "offset_collar": 0.2, "offset_collar_rate": 0.2}
        by_event = evaluation.collar_based.fscore(answers, truth, 0.5, **collar)[0]["micro_average"]
        by_segment = evaluation.segment_based.fscore(answers, truth, durations, 0.5, segment_length=1.0)[0][
            "micro_average"
        ]
        errors = evaluation.segment_based.error_rate(answers, truth, durations, 0.5, segment_length=1.0)[0]
        present = {event.label for clip in clips for event in clip.truth}
        assert scores["event_f1"] == pytest.approx(by_event, abs=1e-9)
        assert scores["segment_f1"] == pytest.approx(by_segment, abs=1e-9)
        of_events = evaluation.collar_based.error_rate(answers, truth, 0.5, **collar)[0]
        wanted = np.mean([of_events[name] for name in present])
        assert scores["event_error_rate_of_classes"] == pytest.approx(wanted, abs=1e-9)
        expected = np.mean([errors[name] for name in present])
        assert scores["segment_error_rate_of_classes"] == pytest.approx(expected, abs=1e-9)
        compared += 1
    assert compared > 150


def test_frame_scores_are_scikit_learns_on_random_cases():
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores, clips = scored(*random_case(rng))
        targets = np.concatenate([clip.targets for clip in clips])
        active = np.concatenate([clip.values for clip in clips]) >= 0.5
        expected = [f1_score(targets[:, index], active[:, index]) for index in (0, 1) if targets[:, index].any()]
        assert scores["frame_f1"] == (pytest.approx(np.mean(expected), abs=1e-9) if expected else None)


def test_scores_by_hand():
    values = np.zeros((100, 2))
    values[10:30, 1] = 0.9  # the dog, half a second late in the second case
    right, _ = scored(["dog@1-3"], [values])
    assert [right[name] for name in ("event_f1", "segment_f1", "frame_f1")] == [1.0, 1.0, 1.0]
    assert right["event_error_rate"] == right["segment_error_rate"] == right["detection_cost"] == right["eer"] == 0.0
    assert right["chance"] == pytest.approx(2 * 20 / 120)
    late, _ = scored(["dog@0.5-3"], [values])
    # the onset is off by half a second: one event missed, one false
    assert late["event_f1"] == 0.0 and late["event_error_rate"] == pytest.approx(2.0)
    # of three true segments two are found
    assert late["segment_error_rate"] == pytest.approx(1 / 3)
    assert late["frame_f1"] == pytest.approx(2 * 20 / 45)
    assert late["detection_cost"] == pytest.approx(0.75 * 5 / 25)


def test_clips_without_events_are_true_negatives_and_nothing_is_not_a_number():
    silent, loud = np.zeros((100, 2)), np.ones((100, 2))
    nothing, _ = scored(["", ""], [silent, silent])
    assert nothing["event_f1"] is None and nothing["frame_f1"] is None and nothing["n"] == 2
    found = np.zeros((100, 2))
    found[10:30, 1] = 1.0
    false, _ = scored(["dog@1-3", ""], [found, loud])
    assert 0 < false["event_f1"] < 1 and false["segment_errors"]["insertion_rate"] > 0


def test_what_is_not_known_counts_neither_way():
    loud = np.ones((100, 2))
    scores, clips = scored(["dog@0-10;?cat"], [loud])
    assert scores["event_f1"] == scores["frame_f1"] == 1.0
    assert [event.label for event in clips[0].answers] == ["dog"]
    partly, clips = scored(["?@0-10"], [loud])
    assert not clips[0].answers and partly["frame_f1"] is None


@settings(max_examples=100, deadline=None)
@given(onset=st.floats(0, 8.5), length=st.floats(0.1, 1.4))
def test_events_go_to_steps_and_back_within_half_a_step(onset, length):
    labels = FrameLabels(task(), [f"dog@{onset:.6f}-{onset + length:.6f}"], np.array([10.0]))
    values = (labels.targets(0, 0.0, 10.0, STEPS.start_s, STEPS.period_s, 100) == 1).astype(float)
    (event,) = EventFinder(task(), STEPS.first_s, STEPS.period_s, {}).find(values, 10.0)
    assert abs(event.onset_s - onset) <= 0.05 + 1e-6 and abs(event.offset_s - onset - length) <= 0.05 + 1e-6
    assert event.probability == 1.0 and event.label == "dog"


def answered(pattern, **smoothing):
    values = np.array([[0.0, float(letter == "x")] for letter in pattern])
    active = active_steps(values, task(smoothing=Smoothing(**smoothing)), {}, 0.1)
    return "".join("x" if there else "." for there in active[:, 1])


def test_smoothing_by_hand():
    assert answered("..x..xxx.xxx..") == "..x..xxx.xxx.."
    assert answered("..x..xxx.xxx..", median_filter_s=0.3) == ".....xxxxxxx.."
    assert answered("..x..xxx.xxx..", min_gap_s=0.15) == "..x..xxxxxxx.."
    assert answered("..x..xxx.xxx..", min_length_s=0.25) == ".....xxx.xxx.."
    assert answered("xx.x", min_gap_s=0.15, min_length_s=0.35) == "xxxx"


def test_decisions_say_from_which_probability_a_class_is_answered():
    values = np.array([[0.4, 0.4]] * 5)
    active = active_steps(values, task(), {"cat": 0.3, "dog": 0.6}, 0.1)
    assert active[:, 0].all() and not active[:, 1].any()
    exclusive = task(exclusive=True, background="cat")
    active = active_steps(np.array([[0.6, 0.4], [0.3, 0.7], [0.6, 0.4]]), exclusive, {}, 0.1)
    events = find_events(active.astype(float), active, exclusive, 0.0, 0.1, 0.3)
    assert [(event.label, event.onset_s, event.offset_s) for event in events] == [("dog", 0.1, 0.2)]


def test_windows_put_together_are_the_whole():
    rng = np.random.default_rng(0)
    values, finder = rng.uniform(size=(100, 2)), EventFinder(task(), 0.05, 0.1, {})
    windows = [(first / 10, values[first : first + 40]) for first in range(0, 100, 20)]
    np.testing.assert_allclose(finder.merge(windows), values)
    assert finder.records(finder.merge(windows), 10.0) == finder.records(values, 10.0)
    again = EventFinder.from_json(finder.to_json())
    assert again == finder


def test_scoring_says_nothing_on_standard_error_or_as_a_warning(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scored(["dog@1-3", ""], [np.zeros((100, 2)), np.zeros((100, 2))])
    assert not capsys.readouterr().err
