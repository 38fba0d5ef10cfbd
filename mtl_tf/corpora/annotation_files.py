"""Reads files that say when something is heard: RTTM, UEM, JAMS and label tracks."""

import json
import math
from pathlib import Path

from mtl_tf.annotations import AT, JOIN, Event
from mtl_tf.errors import UserError

EVENT_NAMESPACES = ("sound_event", "scaper", "segment_", "tag_")  # how the names of these begin


def read_rttm(path: Path) -> dict[str, list[Event]]:
    """Reads the turns of a Rich Transcription Time Marked file (NIST RT-09), by the name of the recording.

    Returns:
        Name to events, whose label is the speaker. Lines of other kinds than SPEAKER are passed over.

    Raises:
        UserError: a line that is none.
    """
    found: dict[str, list[Event]] = {}
    for number, line in _lines(path):
        words = line.split()
        if words[0].startswith(";"):
            continue
        if words[0] != "SPEAKER":
            found.setdefault(words[1] if len(words) > 1 else "", [])
            continue
        if len(words) < 8:
            raise UserError(f"{path} line {number}: a SPEAKER line has at least 8 words, and this has {len(words)}")
        onset_s, duration_s = (_number(path, number, word) for word in words[3:5])
        found.setdefault(words[1], []).append(Event(onset_s, onset_s + duration_s, _label(path, number, words[7])))
    return found


def read_uem(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Reads which stretches were annotated, by the name of the recording (NIST's Un-partitioned Evaluation Map).

    Raises:
        UserError: a line that is none.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for number, line in _lines(path):
        words = line.split()
        if words[0].startswith(";"):
            continue
        if len(words) != 4:
            raise UserError(f"{path} line {number}: a line of UEM is NAME CHANNEL ONSET OFFSET, and this is {line!r}")
        onset_s, offset_s = (_number(path, number, word) for word in words[2:])
        found.setdefault(words[0], []).append((onset_s, offset_s))
    return found


def read_label_track(path: Path) -> list[Event]:
    """Reads onset, offset and label, divided by tabs, as Audacity writes them and scaper and sed_eval do.

    Lines of frequencies, which Audacity begins with a backslash, are passed over. A line without a label is no event.

    Raises:
        UserError: a line that is none.
    """
    events = []
    for number, line in _lines(path):
        cells = line.split("\t")
        if line.startswith("\\"):
            continue
        if len(cells) < 3:
            raise UserError(
                f"{path} line {number}: onset, offset and label with tabs between them are wanted: {line!r}"
            )
        onset_s, offset_s = (_number(path, number, cell) for cell in cells[:2])
        if cells[2].strip():
            events.append(Event(onset_s, offset_s, _label(path, number, cells[2].strip())))
    return events


def read_jams(path: Path) -> tuple[list[Event], list[str]]:
    """Reads the sound events of a JAMS file (Humphrey et al. 2014), as scaper and URBAN-SED write them.

    Returns:
        The events of annotations of sound events, tags or segments, and the labels of backgrounds, which scaper lists
        beside them.

    Raises:
        UserError: it is no JAMS file, or has no such annotation.
    """
    try:
        events, backgrounds, known = _sound_events(json.loads(path.read_text(encoding="utf-8-sig")), path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UserError(f"{path} is no JAMS file, or is damaged") from error
    if not known:
        raise UserError(f"{path} holds no annotation of sound events, tags or segments")
    return events, sorted(set(backgrounds))


def _sound_events(content: dict, path: Path) -> tuple[list[Event], list[str], bool]:
    events, backgrounds, known = [], [], False
    for annotation in content["annotations"]:
        if not str(annotation.get("namespace", "")).startswith(EVENT_NAMESPACES):
            continue
        known = True
        for entry in _observations(annotation["data"]):
            value, onset_s, duration_s = entry.get("value"), entry.get("time"), entry.get("duration")
            role = value.get("role") if isinstance(value, dict) else None
            label = value.get("label") if isinstance(value, dict) else value
            if not isinstance(label, str) or not label or not _is_time(onset_s) or not _is_time(duration_s):
                raise UserError(f"{path}: an event needs time, duration and a label; one is {json.dumps(entry)[:120]}")
            if role == "background":
                backgrounds.append(label)
            else:
                events.append(Event(float(onset_s), float(onset_s) + float(duration_s), _label(path, 0, label)))
    return events, backgrounds, known


def _observations(data: object) -> list[dict]:
    """Lists the observations of an annotation, which older files keep as columns."""
    if isinstance(data, dict):
        return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    return list(data)


def _lines(path: Path) -> list[tuple[int, str]]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(path: Path, line: int, word: str) -> float:
    try:
        value = float(word.strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{path} line {line}: {word!r} is no time in seconds")
    return value


def _label(path: Path, line: int, label: str) -> str:
    if JOIN in label or label.startswith(("?", "!")) or label.endswith(AT):
        place = f"{path} line {line}" if line else str(path)
        raise UserError(f"{place}: a label may not hold ';', begin with '?' or '!', or end in '@', as {label!r} does")
    return label
