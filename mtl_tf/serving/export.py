"""From a finished run to a SavedModel that TF Serving loads."""

import contextlib
import errno
import importlib.util
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.evaluation.event_finder import event_finders
from mtl_tf.models.ensemble import networks_of
from mtl_tf.models.steps import steps_of
from mtl_tf.progress import Stages
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import load_classes, load_config, load_decisions, load_lengths, load_thresholds, longest_clip
from mtl_tf.serving import model_card, portable, warm_up
from mtl_tf.serving.checks import foreign_operations, parity
from mtl_tf.serving.options import WAV_RATES
from mtl_tf.serving.server_files import write_server_files
from mtl_tf.serving.signatures import ServedModel
from mtl_tf.tasks.labels import task_of

TOLERANCE = 1e-5
EXPORT_SHARES = (1.0, 5.0, 0.5, 2.0)  # of the stages, as of a compact_cnn
DETAILS = "model.json"
MOST_VERSION = 2**63 - 1
STAGED, ABANDONED_S = ".export-", 86_400.0
CLASSIFY_METHOD = "tensorflow/serving/classify"


def export_run(
    folder: Path,
    target: Path,
    version: int | None = None,
    wav_rates: Sequence[int] = WAV_RATES,
    formats: Sequence[str] = (),
) -> Path:
    """Exports a run with the signatures of `ServedModel`.

    A version folder holds the SavedModel; as assets the class lists and `model.json` (classes, thresholds, decisions,
    sample rate, front end, WAV rates, version); in `assets.extra` the same JSON, a model card, and requests that warm
    TF Serving up. Beside the versions lie files to start a server with.

    Args:
        folder: of a run, or of one fold.
        target: folder of the model; versions are folders in it.
        version: its number; None: one above the last.
        wav_rates: sample rates of the WAV files that `from_wav_bytes` takes, beside the model's own, in Hz.
        formats: others to write into `assets.extra`, see `portable.write_portable`.

    Returns:
        The version folder. It appears only once it is complete and checked, so a server never sees half a model.

    Raises:
        UserError: the run is not finished, or its front end needs a library that servers lack; the version exists, or
            is below one that does; the SavedModel holds an operation that TF Serving lacks, or its answers differ from
            the Keras model's by more than 1e-5; or a format cannot hold the model.
        OSError: such as a full disk; the versions there were are untouched.
    """
    config, model, classes = load_config(folder), load_model(folder), load_classes(folder)
    library = model.get_layer("frontend").needs_library
    if library:
        raise UserError(
            f"{folder} calls {library} for every clip, and TF Serving has none; predict.py answers with it, or train "
            "with another frontend="
        )
    rates = sorted({*wav_rates, config.frontend.sample_rate})
    if "onnx" in formats and importlib.util.find_spec("tf2onnx") is None:
        raise UserError("format onnx needs tf2onnx: pip install -c constraints.txt -e '.[onnx]'")
    target.mkdir(parents=True, exist_ok=True)
    try:
        return _export(folder, target, version, rates, formats, (config, model, classes))
    finally:
        with contextlib.suppress(OSError):
            target.rmdir()  # if nothing came of it, else it is not empty


def _remove_abandoned(target: Path) -> None:
    """Removes what exports left that were killed, and not what one may still be writing."""
    for folder in target.glob(f"{STAGED}*"):
        if time.time() - folder.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)


def _export(
    folder: Path,
    target: Path,
    version: int | None,
    rates: list[int],
    formats: Sequence[str],
    run: tuple[RunConfig, keras.Model, dict[str, list[str]]],
) -> Path:
    config, model, classes = run
    sample_rate, longest = config.frontend.sample_rate, longest_clip(config)
    number = _version_number(target, version)
    tasks = {name: task_of(name, config.tasks[name], names) for name, names in classes.items()}
    finders = event_finders(tasks, steps_of(model, tasks), load_decisions(folder))
    details = {
        "name": target.name,
        "version": number,
        "sample_rate": sample_rate,
        "longest_clip": longest,
        "classes": classes,
        "decision": "largest probability; of tasks in decisions, every tag that reaches its own; of tasks in events, "
        "every step likewise",
        "decisions": load_decisions(folder),
        "events": {name: finder.to_json() for name, finder in finders.items()},
        "thresholds": load_thresholds(folder),
        "lengths": load_lengths(folder),
        "wav_rates": rates,
        "frontend": config.frontend.model_dump(),
        "model": config.model.name,
        "networks": len(networks_of(model)),
        "run": str(folder),
    }
    _remove_abandoned(target)
    with tempfile.TemporaryDirectory(dir=target, prefix=STAGED) as temporary:
        assets = Path(temporary) / "assets"
        assets.mkdir()
        for task, names in classes.items():
            (assets / f"{task}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        stages = Stages(f"export of {target.name}", (*EXPORT_SHARES[:2], *[10.0] * bool(formats), *EXPORT_SHARES[2:]))
        stages.next("building the signatures")
        text = json.dumps(details, indent=1)
        (assets / DETAILS).write_text(text, encoding="utf-8")
        staged = Path(temporary) / "model"
        served = ServedModel(model, classes, sorted(assets.iterdir()), longest, rates, text)
        signatures = served.signatures()
        stages.next("writing the SavedModel")
        try:
            tf.saved_model.save(served, str(staged), signatures=signatures)
            _declare_classifiers(staged)
            extra = staged / "assets.extra"
            extra.mkdir()
            bins = model.get_layer("frontend").num_bins
            warm_up.write_warm_up(extra, target.name, sorted(signatures), sample_rate, config.pipeline.clip_s, bins)
        except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError) as error:  # full, or a limit on file sizes
            raise OSError(errno.ENOSPC, "No space left on device", str(target)) from error
        (extra / DETAILS).write_text(text, encoding="utf-8")
        if formats:
            stages.next(f"converting to {', '.join(formats)}")
        others = portable.write_portable(folder, extra, formats) if formats else []
        card = model_card.model_card(folder, config, classes, target.name, number, others)
        (extra / model_card.FILE).write_text(card, encoding="utf-8")
        stages.next("looking for operations that TF Serving lacks")
        foreign = foreign_operations(staged)
        if foreign:
            raise UserError(f"the model holds operations that TF Serving lacks: {', '.join(sorted(foreign))}")
        stages.next("comparing its answers with the Keras model's")
        difference = parity(model, staged, sample_rate, longest)
        if not difference <= TOLERANCE:
            raise UserError(f"the exported model differs from that of {folder} by {difference:.1e}")
        write_server_files(target)
        try:
            staged.rename(target / str(number))
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise UserError(f"{target / str(number)} was made by another export meanwhile; export again") from error
    return target / str(number)


def _version_number(target: Path, wanted: int | None) -> int:
    if wanted is not None and wanted > MOST_VERSION:
        raise UserError(f"version={wanted}: servers count to {MOST_VERSION}")
    last = max((int(path.name) for path in target.iterdir() if path.name.isdecimal()), default=0)
    if wanted is not None and wanted <= last:
        raise UserError(f"{target} has version {last}; a new one must be above it, version={last + 1}")
    return wanted or last + 1


def _declare_classifiers(folder: Path) -> None:
    """Marks the classify signatures as such, for TensorFlow saves every signature as one for Predict calls."""
    path = folder / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for name, signature in saved_model.meta_graphs[0].signature_def.items():
        if name.startswith("classify"):
            signature.method_name = CLASSIFY_METHOD
    path.write_bytes(saved_model.SerializeToString())
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # it is of the file as it was
