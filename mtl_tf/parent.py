"""Ends a process with the one that started it."""

import os
import signal
import threading
import time

PARENT = "MTL_TF_PARENT"  # in the environment of a process that is to end with the one of this number
_PAUSE_S = 0.5


def child_environment(**more: str) -> dict[str, str]:
    """Returns the environment of a process that calls `end_with_parent`.

    Args:
        more: further variables.
    """
    return {**os.environ, **more, PARENT: str(os.getpid())}


def end_with_parent() -> None:
    """Ends this process and those it started once its parent is gone, so that no trial is done twice.

    The process must lead a group of its own, as with `start_new_session`, and have `child_environment`: a parent that
    was killed while this process was still importing cannot be asked for any more.
    """
    parent = int(os.environ[PARENT])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PAUSE_S)
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
