"""Published annotations of recorded audio, turned into steps and back."""

import numpy as np
import pytest
import soundfile

from mtl_tf.annotations import sound_events, timed_events, write_events
from mtl_tf.config import CorpusConfig
from mtl_tf.corpora import open_corpus
from mtl_tf.evaluation.event_finder import EventFinder
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.task import Task

CASES = [
    ("ami", "rttm", "speech_times"),
    ("ami", "rttm", "turn_times"),
    ("scaper_soundscapes", "jams", "event_times"),
    ("scaper_soundscapes", "labels", "event_times"),
]
PERIOD_S, START_S = 0.04, -0.01

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("name", "kind", "column"), CASES)
def test_events_go_to_steps_and_back_within_half_a_step(name, kind, column, real_audio):
    place = real_audio / name
    if not place.is_dir():
        pytest.skip(f"{place} is not here")
    corpus = open_corpus("c", CorpusConfig(name="annotated", path=str(place), annotations=kind))
    compared = 0
    for row in corpus.read(place):
        duration_s = soundfile.info(place / row["path"]).duration
        truth = [
            event
            for event in sound_events(timed_events(row[column] or ""), duration_s)[0]
            if event.label[0] != "?" and event.offset_s - event.onset_s >= PERIOD_S
        ]
        # Events of one class with less than a step between them become one, as steps cannot tell them apart.
        apart = [
            event
            for event in truth
            if not any(
                other is not event
                and other.label == event.label
                and other.onset_s - 1.5 * PERIOD_S < event.offset_s
                and event.onset_s - 1.5 * PERIOD_S < other.offset_s
                for other in truth
            )
        ]
        if not truth:
            continue
        classes = tuple(sorted({event.label for event in truth}))
        task = Task("event", classes, "frame_f1", exclusive=False, of_frames=True)
        number = int(duration_s / PERIOD_S) + 1
        text = write_events(truth)
        labels = FrameLabels(task, [text], np.array([duration_s]))
        steps = labels.targets(0, 0.0, duration_s, START_S, PERIOD_S, number)
        found = EventFinder(task, {}, START_S + PERIOD_S / 2, PERIOD_S).find(
            (steps == 1).astype(float), np.arange(len(steps)), duration_s
        )
        for event in apart:
            alike = [other for other in found if other.label == event.label]
            nearest = alike[int(np.argmin([abs(other.onset_s - event.onset_s) for other in alike]))]
            assert abs(nearest.onset_s - event.onset_s) <= PERIOD_S / 2 + 1e-6
            assert abs(nearest.offset_s - event.offset_s) <= PERIOD_S / 2 + 1e-6
            compared += 1
    assert compared >= 20
