"""Writes files whole or not at all."""

import json
import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Writes a file beside its place, flushes it to the disk and renames it.

    A kill or a full disk leaves the previous file, or none.

    Args:
        path: of the file; its folder is made if missing.
        content: all of it.

    Raises:
        OSError: such as a full disk, with the path as its `filename`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(values: object, path: Path) -> None:
    """Writes JSON, whole or not at all."""
    write_whole(path, json.dumps(values, indent=1).encode())
