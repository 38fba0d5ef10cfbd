"""A folder that one process at a time may work on."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_tf.errors import UserError


@contextmanager
def locked(path: Path, advice: str) -> Iterator[None]:
    """Holds a lock while the block runs; the system frees it when the process ends, however it does.

    Args:
        path: of the lock's file, in the folder that is worked on.
        advice: what one can do beside waiting.

    Raises:
        UserError: another process holds it.
    """
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise UserError(
                f"another process ({lock.read().strip() or 'unknown'}) is at work on {path.parent}; wait for it, or "
                f"{advice}"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
