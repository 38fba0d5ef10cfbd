"""Reads what scripts/export.py was asked for."""

import re
from dataclasses import dataclass
from pathlib import Path

from mtl_tf.errors import UserError

KEYS = ("run", "name", "version", "saved_models_dir", "wav_rates", "formats")
FORMATS = ("onnx", "lite", "lite_int8")
WAV_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class ExportOptions:
    """What to export and where to.

    Attributes:
        run: folder of the run.
        target: folder of the model, which holds its versions.
        version: number of the version; None: one above the last.
        wav_rates: sample rates of WAV bytes, in Hz.
        formats: further formats.
    """

    run: Path
    target: Path
    version: int | None
    wav_rates: tuple[int, ...]
    formats: tuple[str, ...]


def read_export_options(values: dict[str, str]) -> ExportOptions:
    """Checks the values of the command line.

    Raises:
        UserError: one is missing or cannot be.
    """
    if "run" not in values:
        raise UserError("give run=DIR, a folder that scripts/train.py printed, and name=NAME")
    if "name" not in values:
        raise UserError("give name=NAME, too: what the served model is to be called")
    name, version = values["name"], values.get("version")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise UserError(f"name={name}: give a plain folder name of letters, digits, '_', '.' and '-'")
    if version is not None and not (version.isdecimal() and int(version) > 0):
        raise UserError(f"version={version}: give a whole number above 0")
    rates = values.get("wav_rates", ",".join(map(str, WAV_RATES))).split(",")
    if not all(rate.isdecimal() and 1000 <= int(rate) <= 384000 for rate in rates):
        raise UserError(
            f"wav_rates={values['wav_rates']}: give sample rates from 1000 to 384000 Hz, such as 8000,44100"
        )
    formats = tuple(text for text in values.get("formats", "").split(",") if text)
    if set(formats) - set(FORMATS):
        raise UserError(f"formats={values['formats']}: give some of {', '.join(FORMATS)}")
    target = Path(values.get("saved_models_dir", "saved_models")) / name
    return ExportOptions(
        Path(values["run"]), target, version and int(version), tuple(int(rate) for rate in rates), formats
    )
