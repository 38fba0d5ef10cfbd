"""Asks a SavedModel through the C loader in a process without TensorFlow's Python: `alone.py REQUESTS ANSWERS`."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

from mtl_tf.benchmarks.c_loader import CLoader, signature_tensors


def ask_alone(folder: Path, requests: list[tuple[str, dict]], place: Path, **environment: str) -> list[dict]:
    """Asks signatures one after the other.

    Args:
        folder: version folder of the model.
        requests: name of a signature and its inputs each.
        place: folder for the files that go to and fro.
        **environment: variables of the process.
    """
    given, answers = place / "requests", place / "answers"
    given.write_bytes(pickle.dumps((folder, signature_tensors(folder), requests)))
    command = [sys.executable, __file__, str(given), str(answers)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | environment)
    assert result.returncode == 0, result.stderr[-2000:]
    return pickle.loads(answers.read_bytes())


if __name__ == "__main__":
    folder, names, requests = pickle.loads(Path(sys.argv[1]).read_bytes())
    model = CLoader(folder, names)
    found = [model.run(name, **inputs) for name, inputs in requests]
    assert not {"tensorflow", "keras", "tensorflow_io"} & set(sys.modules)
    Path(sys.argv[2]).write_bytes(pickle.dumps(found))
