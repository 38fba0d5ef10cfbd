"""Carries out the trials that a chief hands out. `mtl_tf.tuning.workers` starts this module as a process."""

import json
import os
import sys
from pathlib import Path

import grpc

from mtl_tf.errors import UserError
from mtl_tf.parent import end_with_parent
from mtl_tf.tuning import names as files
from mtl_tf.tuning.oracles import make_oracle
from mtl_tf.tuning.session import load_session
from mtl_tf.tuning.space import hyperparameters
from mtl_tf.tuning.tuner import RunTuner

ID, ADDRESS, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
CHIEF = "chief"


def work(folder: Path) -> None:
    """Carries out the trials that the chief gives, until it has no more.

    Args:
        folder: of the session, which chief and workers share.

    Raises:
        UserError: the chief cannot be reached.
    """
    missing = [name for name in (ID, ADDRESS, PORT) if name not in os.environ]
    if missing or CHIEF in os.environ[ID]:
        raise UserError(f"a worker needs {ID} (without the word {CHIEF}), {ADDRESS} and {PORT} in its environment")
    session = load_session(folder)
    oracle = make_oracle(session.search, hyperparameters(session.dimensions), session.config.training.epochs)
    try:
        RunTuner(oracle, session, lambda trial, values: None, lambda result: None).search()
    except grpc.RpcError as error:
        raise UserError(
            f"the chief at {os.environ[ADDRESS]}:{os.environ[PORT]} does not answer ({error.code().name}); start it "
            f"again, and this worker with the same {ID}"
        ) from error


def _wait() -> Path:
    """Waits for the line that says where to work; a pipe that is closed without one means that there is no work.

    Returns:
        The folder of the session. What is printed from here on goes into it.
    """
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    order = json.loads(line)
    folder = Path(order["folder"])
    os.environ |= {ADDRESS: "127.0.0.1", PORT: str(order["port"])}
    (folder / files.WORKERS).mkdir(exist_ok=True)
    log = os.open(folder / files.WORKERS / f"{os.environ[ID]}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    return folder


if __name__ == "__main__":
    end_with_parent()
    try:
        work(_wait())
    except (UserError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
