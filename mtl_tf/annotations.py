"""Events of a clip, with onset and offset, as one text in a cell, and the rules for those that cannot be."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

JOIN, AT, UNKNOWN = ";", "@", "?"
TIMES = "_times"  # ends the name of a column whose cells hold events
TOLERANCE_S = 0.1  # by which the end of an event may lie beyond that of the audio, as rounded ends do


_NUMBER = r"-?\d+(?:\.\d+)?"
_TIMED = re.compile(rf"(.*){AT}({_NUMBER})-({_NUMBER})", re.DOTALL)


class Event(NamedTuple):
    """One event of a clip.

    Attributes:
        onset_s: from the start of the clip; None: at some time in the clip.
        offset_s: likewise.
        label: what it is.
    """

    onset_s: float | None
    offset_s: float | None
    label: str


def write_events(events: Iterable[Event]) -> str:
    """Writes events as one text, in order of their onsets.

    >>> write_events([Event(2.0, 2.5, "cat"), Event(0.25, 1.0, "dog"), Event(None, None, "rain")])
    'rain;dog@0.25-1;cat@2-2.5'
    """
    ordered = sorted(events, key=lambda event: (event.onset_s is not None, event.onset_s, event.offset_s, event.label))
    return JOIN.join(
        event.label
        if event.onset_s is None or event.offset_s is None
        else f"{event.label}{AT}{_short(event.onset_s)}-{_short(event.offset_s)}"
        for event in ordered
    )


def read_events(text: str) -> list[Event]:
    """Reads what `write_events` wrote.

    >>> read_events("rain;dog@0.25-1")
    [Event(onset_s=None, offset_s=None, label='rain'), Event(onset_s=0.25, offset_s=1.0, label='dog')]
    """
    return [_read_event(part) for part in text.split(JOIN) if part]


def timed_events(text: str) -> list[Event]:
    """Reads what `write_events` wrote, but for what has no time."""
    return [event for event in read_events(text) if event.onset_s is not None]


def sound_events(events: Sequence[Event], duration_s: float) -> tuple[list[Event], list[str]]:
    """Applies the rules for events that cannot be.

    | event | what becomes of it |
    |---|---|
    | onset behind offset, or no length | left out |
    | begins at or behind the end of the clip | left out |
    | ends behind it | ends with the clip |
    | begins before the clip | begins with it |
    | overlaps another one of the same label | both are one |
    | touches another one of the same label | both are one, which is no finding |
    | a stretch in which nothing was annotated (`?`) | ends with the clip, which is no finding |

    Args:
        events: of one clip.
        duration_s: of the clip.

    Returns:
        The events in order, and what was wrong, in words; of events without times nothing is.
    """
    kept: list[Event] = []
    wrong: list[str] = []
    last: dict[str, int] = {}
    timed = [event for event in events if event.onset_s is not None]
    for onset_s, offset_s, label in sorted(timed, key=lambda event: (event.onset_s, event.offset_s)):
        if label.startswith(UNKNOWN):
            if onset_s < duration_s:
                kept.append(Event(onset_s, min(offset_s, duration_s), label))
            continue
        place = f"{label} from {onset_s:g} to {offset_s:g} s"
        if offset_s <= onset_s:
            wrong.append(f"{place} has {'no length' if offset_s == onset_s else 'its onset behind its offset'}")
            continue
        if onset_s >= duration_s:
            wrong.append(f"{place} begins behind the clip's end at {duration_s:.3f} s")
            continue
        if offset_s > duration_s + TOLERANCE_S:
            wrong.append(f"{place} ends behind the clip's end at {duration_s:.3f} s")
        if offset_s <= 0:
            wrong.append(f"{place} ends before the clip begins")
            continue
        if onset_s < -TOLERANCE_S:
            wrong.append(f"{place} begins before the clip does")
        event = Event(max(onset_s, 0.0), min(offset_s, duration_s), label)
        before = kept[last[label]] if label in last else None
        if before is not None and event.onset_s <= before.offset_s:
            if event.onset_s < before.offset_s:
                wrong.append(f"{place} overlaps another {label}")
            kept[last[label]] = before._replace(offset_s=max(before.offset_s, event.offset_s))
            continue
        last[label] = len(kept)
        kept.append(event)
    return [event for event in events if event.onset_s is None] + kept, wrong


def _read_event(part: str) -> Event:
    found = _TIMED.fullmatch(part)
    return Event(float(found[2]), float(found[3]), found[1]) if found else Event(None, None, part)


def _short(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
