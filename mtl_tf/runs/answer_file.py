"""Writes answers as a table, as RTTM, or as a label track of Audacity."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.progress import say

COLUMNS = ["file", "task", "onset", "offset", "label", "probability", "trust"]
TABLES = {".csv": ",", ".tsv": "\t"}
EVENTS_ONLY = {".rttm": "RTTM", ".txt": "a label track of Audacity"}


class AnswerFile:
    """A file of answers.

    | suffix | holds |
    |---|---|
    | `.csv`, `.tsv` | a row per event, and per clip or window of other tasks; times in seconds |
    | `.rttm` | a line per event, its label where a speaker's name would be |
    | `.txt` | onset, offset and label of each event, as Audacity reads label tracks |

    Args:
        path: its suffix says what it is.
        files: that are to be answered.
        of_frames: the tasks that answer with events; None: not known yet.

    Raises:
        UserError: another suffix, a folder that is not there, events are wanted and no task has some, or a label track
            of several files.
    """

    def __init__(self, path: Path, files: Sequence[Path], of_frames: Sequence[str] | None = None) -> None:
        self.path, self.rows = path, []
        kind = path.suffix.lower()
        if kind not in TABLES and kind not in EVENTS_ONLY:
            raise UserError(f"out={path}: give a name that ends in .csv, .tsv, .rttm or .txt")
        if not path.parent.is_dir():
            raise UserError(f"out={path}: there is no folder {path.parent}")
        if kind in EVENTS_ONLY and of_frames is not None and not of_frames:
            raise UserError(
                f"out={path}: {EVENTS_ONLY[kind]} holds events, and no task of this run has some; give .csv"
            )
        if kind == ".txt" and len(files) > 1:
            raise UserError(f"out={path}: {EVENTS_ONLY[kind]} is of one file, and these are {len(files)}; give .csv")

    def add(self, record: Mapping[str, object], window_s: float | None = None) -> None:
        """Takes one line of what `predict.py` prints.

        Args:
            record: `file`, perhaps `start_s`, and task to answer.
            window_s: length of the window it is of; None: the whole file.
        """
        self.rows += _rows(record, window_s)

    def write(self) -> None:
        """Writes the file, whole or not at all, and says so on standard error.

        Raises:
            OSError: such as a full disk.
        """
        kind = self.path.suffix.lower()
        if kind in TABLES:
            text = pd.DataFrame(self.rows, columns=COLUMNS).to_csv(index=False, sep=TABLES[kind], lineterminator="\n")
        else:
            line = _label_line if kind == ".txt" else _rttm_line
            text = "".join(f"{line(row)}\n" for row in self.rows if row["event"])
        write_whole(self.path, text.encode())
        say(f"wrote {self.path}")


def _rows(record: Mapping[str, object], window_s: float | None) -> Iterator[dict[str, object]]:
    start_s = record.get("start_s")
    for task, answer in record.items():
        if isinstance(answer, list):
            for event in answer:
                times = {"onset": event["onset_s"], "offset": event["offset_s"]}
                named = {"label": event["label"], "probability": event["probability"]}
                yield {"file": record["file"], "task": task, "event": True} | times | named
        elif isinstance(answer, Mapping):
            window = {"onset": start_s, "offset": None if start_s is None else start_s + window_s}
            label = answer["class"] if "class" in answer else ";".join(answer["tags"])
            found = {"label": label, "probability": answer.get("probability"), "trust": answer.get("trust")}
            yield {"file": record["file"], "task": task, "event": False} | window | found


def _label_line(row: dict[str, object]) -> str:
    return f"{row['onset']:.6f}\t{row['offset']:.6f}\t{row['label']}"


def _rttm_line(row: dict[str, object]) -> str:
    name, times = _word(Path(row["file"]).stem), f"{row['onset']:.3f} {row['offset'] - row['onset']:.3f}"
    return f"SPEAKER {name} 1 {times} <NA> <NA> {_word(row['label'])} <NA> <NA>"


def _word(text: str) -> str:
    """Makes one word, as RTTM has them."""
    return "_".join(text.split()) or "<NA>"
