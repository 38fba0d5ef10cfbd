"""A folder of audio with files beside it that say when something is heard."""

import itertools
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mtl_tf.annotations import JOIN, TIMES, UNKNOWN, Event, sound_events, write_events
from mtl_tf.corpora.annotation_files import read_jams, read_label_track, read_rttm, read_uem
from mtl_tf.corpora.corpus import SPELLINGS, files_below
from mtl_tf.corpora.own_corpus import OwnCorpus
from mtl_tf.errors import UserError

END_S = 1e6  # behind the end of any clip
EVENT, SPEECH, TURN, BACKGROUND = "event", "speech", "turn", "background"


class Annotated(OwnCorpus):
    """Audio with RTTM and UEM files, JAMS files or label tracks below the same folder.

    | file | belongs to | columns |
    |---|---|---|
    | `*.rttm` | the audio that its lines name | `speech_times` (`speech`), `turn_times` (the speakers) |
    | `*.uem` | the same | what it does not list was not annotated |
    | `NAME.jams` | audio called `NAME` | `event_times`, `event` (all of them), `background` |
    | `NAME.txt` | audio called `NAME` | `event_times`, `event` |

    A JAMS file goes before a label track of the same name; `annotations` takes one kind alone. Of several files of one
    name the one in the audio's folder counts, or the one whose folders are called most alike. Names that differ in
    accents or in capitals alone are the same where that is not ambiguous. Audio without any annotation stays, and
    nothing is known of it. Where the name of an RTTM or UEM file, or the outermost folder, has a part of a division in
    it (`train`, `dev`, `test`), that is the official split.
    """

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads the annotations of all audio files."""
        files = list(self.audio_files(root))
        below = sorted(path for path in files_below(root) if path.name[0] != ".")
        kinds = {
            suffix: [path for path in below if path.suffix.lower() == f".{suffix}"]
            for suffix in ("rttm", "uem", "jams", "txt")
        }
        asked = self.options.annotations
        by_line = asked in ("any", "rttm")
        rttm = _Recordings(_turns(kinds["rttm"]) if by_line else {}, files)
        uem = _Recordings(_regions(kinds["uem"]) if by_line else {}, files)
        jams = _Beside(kinds["jams"] if asked in ("any", "jams") else [])
        tracks = _Beside(kinds["txt"] if asked in ("any", "labels") else [])
        rows, used = [], 0
        for path in files:
            place = path.relative_to(root)
            row: dict[str, object] = {"path": place.as_posix()}
            turns, regions = rttm.find(path), uem.find(path)
            if turns is not None or regions is not None:
                split, events = turns or (None, [])
                outside = _outside(regions[1]) if regions is not None else []
                row |= {
                    f"{SPEECH}{TIMES}": write_events([*_speech(events), *outside]),
                    f"{TURN}{TIMES}": write_events([*events, *outside]),
                    "official_split": split or (regions[0] if regions is not None else None),
                }
            described, track = jams.find(path), tracks.find(path)
            if described is not None:
                events, backgrounds = read_jams(described)
                row |= _event_columns(events) | {BACKGROUND: JOIN.join(backgrounds) or None}
            elif track is not None:
                row |= _event_columns(read_label_track(track))
            used += len(row) > 1
            outer = place.parts[0].casefold() if len(place.parts) > 1 else ""
            if row.get("official_split") is None:
                row["official_split"] = outer if outer in SPELLINGS else None
            rows.append(row)
        if not used:
            raise UserError(
                f"corpus {self.name}: none of the {len(files)} audio files below {root} has an annotation; "
                f"{self._wanted()}"
            )
        columns = {key for row in rows for key in row if key.endswith(TIMES)}
        for row in rows:
            # An empty cell is a clip without events; where nothing is known, the cell says so.
            row |= {column: UNKNOWN for column in columns if column not in row}
        return rows

    def _wanted(self) -> str:
        kinds = {
            "rttm": "an RTTM file that names it",
            "jams": "a JAMS file of its name",
            "labels": "a label track NAME.txt",
        }
        return f"{kinds.get(self.options.annotations, ', '.join(kinds.values()))} is wanted"


class _Recordings:
    """Finds what the lines of files say of an audio by its name, if need be without regard to accents and case.

    Args:
        entries: by name of the recording.
        files: all audio, to know which names are not of one alone.
    """

    def __init__(self, entries: dict[str, tuple], files: list[Path]) -> None:
        self.entries = entries
        self.same = Counter(path.stem for path in files)
        self.alike = Counter(_plain(path.stem) for path in files)
        self.by_plain: dict[str, list[str]] = {}
        for name in entries:
            self.by_plain.setdefault(_plain(name), []).append(name)

    def find(self, path: Path) -> tuple | None:
        """Returns the entry of an audio.

        Raises:
            UserError: several audio files have its name.
        """
        if path.stem in self.entries:
            if self.same[path.stem] > 1:
                raise UserError(
                    f"{self.same[path.stem]} audio files are called {path.stem}, such as {path}, and RTTM or UEM lines "
                    "name one of them; give each a name of its own"
                )
            return self.entries[path.stem]
        alike = self.by_plain.get(_plain(path.stem), [])
        return self.entries[alike[0]] if len(alike) == 1 and self.alike[_plain(path.stem)] == 1 else None


class _Beside:
    """Finds the file of the name of an audio: in its folder, or in the one whose path ends most like the audio's.

    Args:
        files: such as all label tracks.
    """

    def __init__(self, files: list[Path]) -> None:
        self.by_stem: dict[str, list[Path]] = {}
        self.by_plain: dict[str, list[Path]] = {}
        for path in files:
            self.by_stem.setdefault(path.stem, []).append(path)
            self.by_plain.setdefault(_plain(path.stem), []).append(path)

    def find(self, audio: Path) -> Path | None:
        """Returns the file of an audio.

        Raises:
            UserError: two are as likely.
        """
        named = self.by_stem.get(audio.stem) or self.by_plain.get(_plain(audio.stem), [])
        if len(named) < 2:
            return named[0] if named else None
        likeness = [
            (path.parent == audio.parent, _common(path.parent.parts[::-1], audio.parent.parts[::-1])) for path in named
        ]
        best = [path for path, like in zip(named, likeness, strict=True) if like == max(likeness)]
        if len(best) > 1:
            raise UserError(f"{best[0]} and {best[1]} may both belong to {audio}; put the right one into its folder")
        return best[0]


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in folded if not unicodedata.combining(letter)).casefold()


def _turns(paths: list[Path]) -> dict[str, tuple[str | None, list[Event]]]:
    found: dict[str, tuple[str | None, list[Event]]] = {}
    for path in paths:
        for name, events in read_rttm(path).items():
            split, before = found.get(name, (None, []))
            found[name] = (split or _split_of(path), [*before, *events])
    return found


def _regions(paths: list[Path]) -> dict[str, tuple[str | None, list[tuple[float, float]]]]:
    found: dict[str, tuple[str | None, list[tuple[float, float]]]] = {}
    for path in paths:
        for name, regions in read_uem(path).items():
            split, before = found.get(name, (None, []))
            found[name] = (split or _split_of(path), [*before, *regions])
    return found


def _split_of(path: Path) -> str | None:
    words = "".join(letter if letter.isalnum() else " " for letter in path.stem.casefold()).split()
    return next((word for word in words if word in SPELLINGS), None)


def _speech(turns: list[Event]) -> list[Event]:
    """Joins the turns of all speakers, who may speak at once."""
    return sound_events([turn._replace(label=SPEECH) for turn in turns if turn.offset_s > turn.onset_s], END_S)[0]


def _outside(regions: list[tuple[float, float]]) -> list[Event]:
    """Lists the stretches outside of all regions, up to a time behind any clip."""
    events, at = [], 0.0
    for onset_s, offset_s in sorted(regions):
        if onset_s > at:
            events.append(Event(at, onset_s, UNKNOWN))
        at = max(at, offset_s)
    return [*events, Event(at, END_S, UNKNOWN)]


def _event_columns(events: list[Event]) -> dict[str, object]:
    labels = JOIN.join(sorted({event.label for event in events}))
    return {EVENT: labels or None, f"{EVENT}{TIMES}": write_events(events)}
