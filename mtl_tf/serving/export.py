"""From a finished run to a SavedModel that TF Serving loads."""

import json
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from mtl_tf.errors import UserError
from mtl_tf.evaluation.load_run import load_classes, load_config, load_model, longest_clip

TOLERANCE = 1e-5
_PYTHON_OPS = {"PyFunc", "EagerPyFunc", "PyFuncStateless"}


class ServedModel(tf.Module):
    """A Keras model with its signature and its class lists.

    `serving_default` takes `waveform` (float32 (batch, samples), at the model's sample rate, shorter clips padded with
    zeros) and returns float32 (batch, classes) for every task by its name. The class names, one a line, are assets
    named `TASK.txt`.

    Args:
        model: waveform to probabilities by task.
        asset_files: one file of class names per task.
        longest: how many samples of a clip are used, as in training; None: all.
    """

    def __init__(self, model: keras.Model, asset_files: list[Path], longest: int | None = None) -> None:
        super().__init__()
        # The variables themselves, for a C++ loader does not restore those that are reached through Keras's wrappers.
        self.model_variables = [variable.value for variable in model.variables]
        self._compute = tf.autograph.experimental.do_not_convert(
            lambda waveform: model(waveform[:, :longest], training=False)
        )
        self.class_lists = [tf.saved_model.Asset(str(path)) for path in asset_files]

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
    def serve(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes the probabilities of every task."""
        return self._compute(waveform)


def export_run(folder: Path, target: Path) -> Path:
    """Exports a run under the next version number.

    Args:
        folder: of a run, or of one fold.
        target: folder of the model; versions are folders in it.

    Returns:
        The version folder. It appears only once it is complete and checked, so a server never sees half a model.

    Raises:
        UserError: the run is not finished; the SavedModel holds an operation that TF Serving lacks, or its answers
            differ from the Keras model's by more than 1e-5.
    """
    config, model, classes = load_config(folder), load_model(folder), load_classes(folder)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".export-") as temporary:
        assets = Path(temporary) / "assets"
        assets.mkdir()
        for task, names in classes.items():
            (assets / f"{task}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        staged = Path(temporary) / "model"
        longest = longest_clip(config)
        served = ServedModel(model, sorted(assets.iterdir()), longest)
        tf.saved_model.save(served, str(staged), signatures={"serving_default": served.serve})
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
        version = target / str(1 + max((int(path.name) for path in target.iterdir() if path.name.isdigit()), default=0))
        shutil.move(staged, version)
    return version


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
