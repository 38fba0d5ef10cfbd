"""The whole state of a training run in one file, written whole or not at all."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np

from mtl_tf.errors import UserError
from mtl_tf.files import write_whole


class Checkpoint:
    """Saves and restores everything that determines the rest of a training run.

    That is: all variables of the model (weights, batch statistics, the state of random generators), of the optimizer
    and of the balancing of tasks, and the history of epochs, from which early stopping is recomputed. A file appears
    under its name only once it is complete; a full disk or a kill leaves the previous one.

    Attributes:
        path: of the file, an uncompressed `.npz`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, model: keras.Model, history: list[dict], optimizer: bool = True) -> None:
        """Writes the state after an epoch.

        Args:
            model: compiled and built.
            history: one dict of scores per finished epoch.
            optimizer: whether to keep the optimizer's state.

        Raises:
            OSError: the disk is full; the previous file is intact.
        """
        arrays = {f"{index:05d}": np.asarray(value) for index, value in enumerate(_variables(model, optimizer))}
        content = io.BytesIO()
        np.savez(content, history=json.dumps(history), **arrays)
        write_whole(self.path, content.getbuffer())

    def restore(self, model: keras.Model, optimizer: bool = True) -> list[dict]:
        """Loads the state into a model of the same configuration.

        Returns:
            The history; empty if there is no file, and then the model is as it was.

        Raises:
            UserError: the file is damaged or of another model.
        """
        if not self.path.is_file():
            return []
        try:
            with self.path.open("rb") as file, np.load(file) as saved:
                history = json.loads(str(saved["history"]))
                values = [saved[name] for name in sorted(set(saved.files) - {"history"})]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.path} is damaged ({error}); delete it to train this run from its start") from error
        variables = _variables(model, optimizer)
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise UserError(f"{self.path} is of another model; give resume=false to start anew")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return history


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a `.keras` file, whole or not at all.

    Raises:
        OSError: the disk is full; the previous file is intact.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        staged = Path(folder) / path.name
        model.save(staged)
        staged.replace(path)


def _variables(model: keras.Model, optimizer: bool) -> list[keras.Variable]:
    if not optimizer:
        return list(model.variables)
    if not model.optimizer.built:  # building a loss-scaling optimizer again would add variables
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables, *getattr(model, "balancing_state", [])]
