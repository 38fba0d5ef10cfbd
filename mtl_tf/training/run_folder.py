"""The folder of a run: found again after a kill, locked while in use."""

import fcntl
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_whole

CONFIG, METRICS, REPORT, LOCK = "config.yaml", "metrics.json", "report.html", "run.lock"
WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2"}
NOT_COMPARED = {"resume", "quiet", "report_audio"}


@contextmanager
def run_folder(config: RunConfig) -> Iterator[Path]:
    """Opens the folder a run writes to.

    That is the latest folder below `runs_dir/experiment` that has the same configuration, no report yet and no
    running process, if `resume` is set; else a new one, named after the time.

    Yields:
        The folder, with `config.yaml` and `environment.json` written; locked against other processes.
    """
    parent = Path(config.runs_dir) / config.experiment
    folder = _unfinished(parent, config) if config.resume else None
    if folder is not None:
        print(f"carrying on {folder}", file=sys.stderr)
    if folder is None:
        try:
            folder = _new_folder(parent)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise UserError(
                f"runs_dir={config.runs_dir}: {error.strerror}; give a folder that can be made and written to"
            ) from error
        compose.save(config, folder / CONFIG)
        write_json(environment(), folder / "environment.json")
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder


def write_json(values: object, path: Path) -> None:
    """Writes JSON, whole or not at all."""
    write_whole(path, json.dumps(values, indent=1).encode())


def environment() -> dict[str, object]:
    """Describes the machine and the versions a run was made with."""
    packages = ("tensorflow", "tensorflow-cpu", "tensorflow-io", "keras", "numpy", "librosa", "soundfile", "soxr")
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": " ".join(sys.argv),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpu_count": os.cpu_count(),
        "versions": versions,
        "git_revision": _git_revision(),
    }


def _processor() -> str:
    """Names it with the widest instructions it has, by which sums are rounded."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(re.findall(r"^(model name|flags)\s*:\s*(.*)$", text, re.MULTILINE))
    widest = next((f" with {name}" for flag, name in WIDEST.items() if flag in facts.get("flags", "").split()), "")
    return facts.get("model name", platform.machine()) + widest


def _git_revision() -> str | None:
    arguments = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _unfinished(parent: Path, config: RunConfig) -> Path | None:
    wanted = config.model_dump(exclude=NOT_COMPARED)
    for path in sorted(parent.glob(f"*/{CONFIG}"), reverse=True):
        if (path.parent / REPORT).is_file():
            continue
        try:
            found = compose.load(path).model_dump(exclude=NOT_COMPARED)
        except UserError:
            continue
        if found != wanted:
            continue
        if not _locked(path.parent):
            return path.parent
        print(f"note: another process is at work on the same run in {path.parent}; this is one more", file=sys.stderr)
    return None


def _locked(folder: Path) -> bool:
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _new_folder(parent: Path) -> Path:
    name = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
        folder = parent / (name + suffix)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise UserError(f"{parent} has too many runs of {name}")
