"""From probabilities of steps to events, and their scores, held to other code and to cases by hand."""

import importlib.util
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.metrics import f1_score

from mtl_tf.evaluation.event_finder import EventFinder, event_finders
from mtl_tf.evaluation.event_scores import _Copied, score_events
from mtl_tf.evaluation.events import active_steps, clip_events, find_events
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.steps import Steps, StepTimes
from mtl_tf.tasks.task import Smoothing, Task

STEPS = Steps(10, 0.05, 0.1, 1, 0.0, lambda samples: samples)  # ten a second
TIMES = STEPS.of(100)
CLASSES = ("cat", "dog")
ODD_S = 0.000037  # so that no difference is a collar exactly, where rounding decides


def task(**keys):
    return Task("event", CLASSES, "frame_f1", of_frames=True, **({"exclusive": False} | keys))


def scored(truth, values, duration_s=10.0, **keys):
    """Scores clips given by their texts and probabilities."""
    asked = task(**keys)
    labels = FrameLabels(asked, truth, np.full(len(truth), duration_s))
    clips = clip_events(labels, np.arange(len(truth)), values, {}, STEPS)
    return score_events(clips, asked, {}), clips


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


def overlap_s(one, other):
    return max(min(one.offset_s, other.offset_s) - max(one.onset_s, other.onset_s), 0.0)


def counted_by_hand(clips):
    """Counts what the definitions say, without the libraries, of classes that no clip has, too.

    Returns:
        F1 of events and of segments over all classes, the error rate of segments, and the mean intersection F1.
    """
    found, wrong, missed, errors, true_segments = np.zeros(2), np.zeros(2), np.zeros(2), 0, 0
    by_class = {}
    for clip in clips:
        segments = np.zeros((2, 2, 10), bool)  # truth and answer, class, second
        for index, label in enumerate(CLASSES):
            true, answers = (
                [event for event in events if event.label == label] for events in (clip.truth, clip.answers)
            )
            for place, events in enumerate((true, answers)):
                for event in events:
                    segments[place, index, int(event.onset_s) : int(np.ceil(event.offset_s))] = True
            fits = np.array(
                [
                    [
                        abs(one.onset_s - other.onset_s) <= 0.2
                        and abs(one.offset_s - other.offset_s) <= max(0.2, 0.2 * (one.offset_s - one.onset_s))
                        for other in answers
                    ]
                    for one in true
                ]
            ).reshape(len(true), len(answers))
            pairs = (maximum_bipartite_matching(csr_matrix(fits)) >= 0).sum() if fits.size else 0
            for total, more in ((found, pairs), (missed, len(true) - pairs), (wrong, len(answers) - pairs)):
                total[0] += more
            inside = [
                other
                for other in answers
                if sum(overlap_s(one, other) for one in true) >= 0.5 * (other.offset_s - other.onset_s)
            ]
            covered = sum(
                sum(overlap_s(one, other) for other in inside) >= 0.5 * (one.offset_s - one.onset_s) for one in true
            )
            counts = np.array([covered, len(answers) - len(inside), len(true) - covered])
            by_class[label] = by_class.get(label, 0) + counts
        true, answered = segments
        found[1] += (true & answered).sum()
        false, lost = (answered & ~true).sum(axis=0), (true & ~answered).sum(axis=0)
        wrong[1], missed[1] = wrong[1] + false.sum(), missed[1] + lost.sum()
        errors += np.maximum(false, lost).sum()  # a false and a lost one of a second are one substitution
        true_segments += true.sum()
    present = [label for label in CLASSES if any(event.label == label for clip in clips for event in clip.truth)]
    f1 = 2 * found / np.maximum(2 * found + wrong + missed, 1)
    of_classes = [2 * by_class[label][0] / (2 * by_class[label][0] + by_class[label][1:].sum()) for label in present]
    return *f1, errors / max(true_segments, 1), np.mean(of_classes) if present else None


def test_scores_are_those_of_the_definitions_on_random_cases():
    rng = np.random.default_rng(3)
    with_psds = importlib.util.find_spec("sed_scores_eval") is not None
    absent = 0
    for _ in range(200):
        scores, clips = scored(*random_case(rng, clips=2))
        of_events, of_segments, errors, intersection = counted_by_hand(clips)
        if not any(clip.truth for clip in clips):
            assert scores["event_f1"] is None and scores["segment_f1"] is None and scores["intersection_f1"] is None
            continue
        absent += len({event.label for clip in clips for event in clip.truth}) < 2
        assert scores["event_f1"] == pytest.approx(of_events, abs=1e-9)
        assert scores["segment_f1"] == pytest.approx(of_segments, abs=1e-9)
        assert scores["segment_error_rate"] == pytest.approx(errors, abs=1e-9)
        if with_psds:
            assert scores["intersection_f1"] == pytest.approx(intersection, abs=1e-9)
    assert absent > 10


def test_intersection_scores_by_hand():
    """One false event in 300 s is 12 an hour: below them half of the events are found, above all."""
    pytest.importorskip("sed_scores_eval", reason="extra psds is not installed")
    values = np.zeros((3, 1000, 2))
    values[0, 100:200, 1], values[1, 300:400, 1], values[2, 600:700, 1] = 0.9, 0.3, 0.6
    scores, _ = scored(["dog@10-20", "dog@30-40", ""], list(values), duration_s=100.0)
    assert scores["psds"] == pytest.approx((0.5 * 12 + 1.0 * 88) / 100)
    assert scores["intersection_f1"] == pytest.approx(0.5)  # one found, one false, one missed
    perfect, _ = scored(["dog@10-20", "dog@30-40", ""], [*values[:2], values[2] * 0], duration_s=100.0)
    assert perfect["psds"] == pytest.approx(1.0) and perfect["intersection_f1"] == pytest.approx(2 / 3)
    # Six of ten seconds are found: enough for the one score, which asks half, not for the other, which asks 0.7.
    part = np.zeros((1000, 2))
    part[100:160, 1] = 0.9
    short, _ = scored(["dog@10-20"], [part], duration_s=100.0)
    assert short["intersection_f1"] == 1.0 and short["psds"] == 0.0


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
    values = (labels.targets(0, 0.0, 10.0, TIMES.start_s, TIMES.period_s, 100) == 1).astype(float)
    (event,) = event_finders({"event": task()}, STEPS, {})["event"].find(values, TIMES.middles_s, 10.0)
    assert abs(event.onset_s - onset) <= 0.05 + 1e-6 and abs(event.offset_s - onset - length) <= 0.05 + 1e-6
    assert event.probability == 1.0 and event.label == "dog"


@settings(max_examples=100, deadline=None)
@given(samples=st.integers(20, 400), place=st.floats(0, 0.8), share=st.floats(0.2, 1))
def test_events_on_a_stretched_axis_go_to_steps_and_back_within_half_a_step(samples, place, share):
    """Clips of 2 to 40 s, of which 50 steps are made, however long they are."""
    steps = Steps(10, 0.05, 0.1, 1, 0.0, lambda samples: 50, lambda samples: samples / 50)
    duration_s, times = samples / 10, steps.of(samples)
    assert times.start_s == pytest.approx(0) and 50 * times.period_s == pytest.approx(duration_s)
    onset_s, offset_s = place * duration_s, (place + share * (1 - place)) * duration_s
    labels = FrameLabels(task(), [f"dog@{onset_s:.6f}-{offset_s:.6f}"], np.array([duration_s]))
    values = (labels.targets(0, 0.0, duration_s, times.start_s, times.period_s, 50) == 1).astype(float)
    (clip,) = clip_events(labels, np.array([0]), [values], {}, steps)
    finder = event_finders({"event": task()}, steps, {})["event"]
    (event,), (again,) = clip.answers, finder.find(values, times.middles_s, duration_s)
    assert (event.onset_s, event.offset_s) == pytest.approx((again.onset_s, again.offset_s))
    half_s = times.period_s / 2 + 1e-6
    assert abs(event.onset_s - onset_s) <= half_s and abs(event.offset_s - offset_s) <= half_s


def test_nothing_is_found_behind_what_a_model_hears():
    steps = Steps(10, 0.05, 0.1, 1, 0.0, lambda samples: min(samples, 30), longest_s=3.0)
    finder = event_finders({"event": task()}, steps, {})["event"]
    (cat, dog) = finder.find(np.ones((30, 2)), steps.of(100).middles_s, 10.0)
    assert cat.offset_s == dog.offset_s == 3.0
    (clip,) = clip_events(
        FrameLabels(task(), ["dog@1-9"], np.array([10.0])), np.array([0]), [np.ones((30, 2))], {}, steps
    )
    assert [event.offset_s for event in clip.answers] == [3.0, 3.0] and clip.truth[0].offset_s == 9.0


def test_windows_of_a_stretched_axis_are_put_on_the_steps_of_the_first():
    steps = Steps(10, 0.05, 0.1, 1, 0.0, lambda samples: 20, lambda samples: samples / 20)
    finder = event_finders({"event": task()}, steps, {})["event"]
    assert EventFinder.from_json(finder.to_json()) == finder and finder.period_s is None
    # The last window is half as long, so its steps are, too: two of them are one of the first window's.
    last = np.repeat(np.arange(10.0), 2)[:, None].repeat(2, axis=1)
    windows = [(0.0, np.full((20, 2), 7.0), steps.of(40).middles_s), (4.0, last, steps.of(20).middles_s)]
    values, middles_s = finder.merge(windows)
    np.testing.assert_allclose(middles_s, 0.1 + 0.2 * np.arange(30), atol=1e-6)
    np.testing.assert_array_equal(values[:, 0], [7.0] * 20 + list(range(10)))


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
    events = find_events(active.astype(float), active, exclusive, StepTimes(0.05, 0.1, 3), 0.3)
    assert [(event.label, event.onset_s, event.offset_s) for event in events] == [("dog", 0.1, 0.2)]


def test_windows_put_together_are_the_whole():
    rng = np.random.default_rng(0)
    values, finder = rng.uniform(size=(100, 2)), EventFinder(task(), {}, 0.05, 0.1)
    windows = [
        (first / 10, values[first : first + 40], STEPS.of(min(40, 100 - first)).middles_s)
        for first in range(0, 100, 20)
    ]
    merged, middles_s = finder.merge(windows)
    np.testing.assert_allclose(merged, values)
    np.testing.assert_allclose(middles_s, TIMES.middles_s)
    assert finder.records(merged, middles_s, 10.0) == finder.records(values, TIMES.middles_s, 10.0)
    again = EventFinder.from_json(finder.to_json())
    assert again == finder


def test_scoring_says_nothing_on_standard_error_or_as_a_warning(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scored(["dog@1-3", ""], [np.zeros((100, 2)), np.zeros((100, 2))])
    assert not capsys.readouterr().err
