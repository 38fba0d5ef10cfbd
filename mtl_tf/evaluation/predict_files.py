"""Answers every task for audio files of any kind."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mtl_tf.data.decode import DecodeError, load_clip
from mtl_tf.errors import UserError
from mtl_tf.evaluation.load_run import load_classes, load_config, load_model, longest_clip


def predict_files(folder: Path, files: Sequence[Path]) -> None:
    """Prints one JSON line per file; files are cut as the run cut its clips (`crop_s`, if its corpora share one).

    Args:
        folder: of a run, or of one fold.
        files: WAV, FLAC, OGG or MP3, of any sample rate and number of channels.

    Raises:
        UserError: the run is not finished; or, after all files were tried, some could not be decoded.
    """
    config, model, classes = load_config(folder), load_model(folder), load_classes(folder)
    shortest = config.options("frontend").get("n_fft", 1)
    longest = longest_clip(config)
    failed = []
    for file in files:
        try:
            samples = load_clip(file, config.frontend.sample_rate)[:longest]
            if len(samples) < shortest:
                seconds = shortest / config.frontend.sample_rate
                raise DecodeError(f"{file} is shorter than one analysis frame of {seconds:.3f} s")
        except DecodeError as error:
            if len(files) == 1:
                raise
            failed.append(file)
            print(f"error: {error}", file=sys.stderr)
            continue
        answers = {task: np.asarray(values)[0] for task, values in model(samples[None]).items()}
        print(json.dumps({"file": str(file)} | {task: answer_record(answers[task], classes[task]) for task in classes}))
    if failed:
        raise UserError(f"{len(failed)} of the files could not be answered")


def answer_record(probabilities: np.ndarray, classes: list[str]) -> dict[str, object]:
    """Names the class of the largest probability, with all probabilities."""
    best = int(probabilities.argmax())
    return {
        "class": classes[best],
        "probability": round(float(probabilities[best]), 6),
        "probabilities": {name: round(float(value), 6) for name, value in zip(classes, probabilities, strict=True)},
    }
