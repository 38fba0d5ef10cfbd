"""From a finished run to a SavedModel that TF Serving loads."""

import errno
import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from mtl_tf.errors import UserError
from mtl_tf.evaluation.load_run import load_classes, load_config, load_model, longest_clip
from mtl_tf.serving.signatures import ServedModel

TOLERANCE = 1e-5
_PYTHON_OPS = {"PyFunc", "EagerPyFunc", "PyFuncStateless"}


def export_run(folder: Path, target: Path, version: int | None = None) -> Path:
    """Exports a run with the signatures of `ServedModel`.

    Args:
        folder: of a run, or of one fold.
        target: folder of the model; versions are folders in it.
        version: its number; None: one above the last.

    Returns:
        The version folder. It appears only once it is complete and checked, so a server never sees half a model.

    Raises:
        UserError: the run is not finished; the version exists, or is below one that does; the SavedModel holds an
            operation that TF Serving lacks, or its answers differ from the Keras model's by more than 1e-5.
    """
    config, model, classes = load_config(folder), load_model(folder), load_classes(folder)
    target.mkdir(parents=True, exist_ok=True)
    _version_number(target, version)
    with tempfile.TemporaryDirectory(dir=target, prefix=".export-") as temporary:
        assets = Path(temporary) / "assets"
        assets.mkdir()
        for task, names in classes.items():
            (assets / f"{task}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        staged = Path(temporary) / "model"
        longest = longest_clip(config)
        served = ServedModel(model, sorted(assets.iterdir()), longest)
        try:
            tf.saved_model.save(served, str(staged), signatures=served.signatures())
        except tf.errors.ResourceExhaustedError as error:
            raise OSError(errno.ENOSPC, "No space left on device", str(target)) from error
        foreign = foreign_operations(staged)
        if foreign:
            raise UserError(f"the model holds operations that TF Serving lacks: {', '.join(sorted(foreign))}")
        difference = parity(model, staged, config.frontend.sample_rate, longest)
        if not difference <= TOLERANCE:
            raise UserError(f"the exported model differs from {folder / 'model.keras'} by {difference:.1e}")
        details = {
            "run": str(folder),
            "sample_rate": config.frontend.sample_rate,
            "longest_clip": longest,
            "classes": classes,
        }
        (staged / "assets.extra").mkdir()
        (staged / "assets.extra" / "model.json").write_text(json.dumps(details, indent=1), encoding="utf-8")
        number = _version_number(target, version)
        staged.rename(target / str(number))  # fails if another export has taken the number meanwhile
    return target / str(number)


def _version_number(target: Path, wanted: int | None) -> int:
    last = max((int(path.name) for path in target.iterdir() if path.name.isdigit()), default=0)
    if wanted is not None and wanted <= last:
        raise UserError(f"{target} has version {last}; a new one must be above it, version={last + 1}")
    return wanted or last + 1


def foreign_operations(folder: Path) -> set[str]:
    """Returns the operations of a SavedModel that a plain TF Serving does not have: Python functions and custom ops."""
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((folder / "saved_model.pb").read_bytes())
    names = set()
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        names |= {node.op for node in graph.node}
        names |= {node.op for function in graph.library.function for node in function.node_def}
        functions = {function.signature.name for function in graph.library.function}
        names -= functions
    return {name for name in names if ">" in name or name in _PYTHON_OPS or op_def_registry.get(name) is None}


def parity(model: keras.Model, folder: Path, sample_rate: int, longest: int | None = None) -> float:
    """Compares an exported model with its original on noise of two lengths, alone and padded in one batch.

    Args:
        model: the original.
        folder: of the SavedModel.
        sample_rate: in Hz.
        longest: how many samples the exported model uses; None: all.

    Returns:
        The largest difference of any probability.
    """
    rng = np.random.default_rng(0)
    lengths = (sample_rate, sample_rate // 2 + 13)
    batch = np.zeros((len(lengths), lengths[0]), np.float32)
    for row, length in enumerate(lengths):
        batch[row, :length] = 0.1 * rng.standard_normal(length)
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    differences = []
    expected = {task: np.asarray(values) for task, values in model(batch[:, :longest]).items()}
    together = signature(waveform=tf.constant(batch))
    for row, length in enumerate(lengths):
        alone = signature(waveform=tf.constant(batch[row : row + 1, :length]))
        for task, values in expected.items():
            differences.append(np.abs(together[task].numpy()[row] - values[row]).max())
            differences.append(np.abs(alone[task].numpy()[0] - values[row]).max())
    return float(np.max(differences))
