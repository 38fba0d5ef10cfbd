"""What all scripts share: `--help`, and one line with exit code 2 for a mistake."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from mtl_tf.errors import UserError

_PATIENCE_S = 5.0  # after Ctrl-C, before a process that does not end is ended


def run_command(
    main: Callable[[list[str]], None],
    description: str,
    help_text: Callable[[list[str]], str] | None = None,
    interrupted: str = "interrupted",
) -> None:
    """Runs a script's main function on the command line's arguments and exits.

    Exit codes: 0 when it worked; 2, with one line on standard error, when the input was wrong, a file cannot be read or
    written, or the disk is full; 130 on Ctrl-C; 141 when nobody reads the output any more.

    Args:
        main: takes the arguments.
        description: shown by `--help`.
        help_text: gives further text for `--help`, of the other arguments.
        interrupted: printed on Ctrl-C.
    """
    arguments = [argument for argument in sys.argv[1:] if argument not in ("-h", "--help")]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow takes oneDNN's faster kernels by itself only on some processors.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are no UTF-8 come out as they are
    pressed: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        # An exception that is raised within a callback of the garbage collector is lost.
        end = threading.Timer(_PATIENCE_S, _end, [interrupted])
        end.daemon = True
        end.start()
        _interrupt(frame, interrupted)

    signal.signal(signal.SIGINT, interrupt)
    try:
        if len(arguments) < len(sys.argv) - 1:
            print(description.strip() + ("" if help_text is None else "\n\n" + help_text(arguments)))
        else:
            main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has enough, as `| head` does; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as a shell counts an end by SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        if pressed or isinstance(error, KeyboardInterrupt):  # TensorFlow makes errors of its own of an interrupt
            print(interrupted, file=sys.stderr)
            sys.exit(130)
        if isinstance(error, UserError):
            _stop(str(error))
        if isinstance(error, OSError):
            _stop(_explain(error))
        raise


def _end(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
    os._exit(130)


def _interrupt(frame: FrameType | None, message: str) -> None:
    """Ends a process that is importing at once, since libraries that are half imported crash or go on; else raises."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print(message, file=sys.stderr, flush=True)
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt


def _explain(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        place = error.filename or "output"
        return f"{place}: {error.strerror}; give another folder (--help names the key), or make it writable"
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.filename or 'input or output'}: {error.strerror or error}"
    return f"the disk is full ({error.filename or 'while writing'}); free some space and run the same command again"


def _stop(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
