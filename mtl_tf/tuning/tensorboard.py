"""Writes trials so that TensorBoard's HParams plugin reads the session."""

from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams import api
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from mtl_tf.tuning import names as files
from mtl_tf.tuning.session import Session


def write_hparams(session: Session, result: dict[str, Any]) -> None:
    """Adds a completed trial: its values, and its scores at the epoch it was trained to.

    Args:
        session: of the trial.
        result: see `mtl_tf.tuning.trial.run_trial`.
    """
    folder = session.folder / files.TENSORBOARD / result["trial"]
    if folder.is_dir():
        return
    writer = EventFileWriter(str(folder))
    values = {key: _number(text) for key, text in result["values"].items()}
    scores = {"score": result["score"], **{f"{task}/score": value for task, value in result["scores"].items()}}
    summaries = [api.hparams_pb(values, trial_id=result["trial"])]
    summaries += [scalar_pb(name, value) for name, value in scores.items()]
    for summary in summaries:
        writer.add_event(Event(summary=summary, step=result["epochs"]))
    writer.close()


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
