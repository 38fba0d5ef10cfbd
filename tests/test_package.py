"""An installed package is whole without the checkout."""

import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT


def test_a_wheel_holds_the_configurations_and_the_scripts_run_on_it_anywhere(tmp_path):
    pytest.importorskip("setuptools", reason="the package is built with the environment's own setuptools")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "mtl_tf", source / "mtl_tf", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(source)], check=True, timeout=120, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.*")}
    assert {f"mtl_tf/{name}" for name in shipped} <= names and len(shipped) > 70
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); "
        "import mtl_tf; from mtl_tf.config_help import help_text; print(mtl_tf.__file__); "
        "print(help_text(['experiment=zeng2018_table3_relu_tanh']))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    first, _, rest = shown.stdout.decode().partition("\n")
    assert first.startswith(str(tmp_path / "installed")) and "model.second_activation=tanh" in rest


def test_what_reads_the_help_may_stop_reading(tmp_path):
    command = f"{sys.executable} {ROOT / 'scripts' / 'train.py'} --help"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout.startswith("Trains, scores") and result.stderr == ""
    assert result.returncode in (0, 141)
