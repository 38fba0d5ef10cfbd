"""Describes the machine and the versions a run is made with."""

import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path

WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2"}
PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-io", "keras", "numpy", "librosa", "soundfile", "soxr")


def environment() -> dict[str, object]:
    """Describes the machine and the versions a run was made with."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": shlex.join(["python", *sys.argv]),
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
