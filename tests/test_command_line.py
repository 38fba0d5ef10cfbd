import signal
import subprocess
import sys

import pytest
from conftest import ROOT

SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.py"))
WITHOUT_TENSORFLOW = """
import runpy, sys
class Refusing:
    def find_spec(name, path=None, target=None):
        if name in ("tensorflow", "keras", "tensorflow_io", "librosa", "torch"):
            raise ImportError(name)
sys.meta_path.insert(0, Refusing)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_without_tensorflow(script: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_no_tensorflow(script):
    result = run_without_tensorflow(script, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage" in result.stdout


def test_importing_the_package_needs_no_tensorflow():
    code = "import sys, mtl_tf; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_ctrl_c_ends_a_script_that_is_importing(tmp_path):
    half = (
        "try:\n    print('importing', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    raise ImportError"
    )
    (tmp_path / "half_imported.py").write_text(f"import time\n{half}\n")
    code = "from mtl_tf.command_line import run_command; run_command(lambda _: __import__('half_imported'), '')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "interrupted\n")


def test_ctrl_c_ends_a_script_whose_library_makes_another_error_of_it(tmp_path):
    (tmp_path / "tracing.py").write_text(
        "import time\nfrom mtl_tf.command_line import run_command\n"
        "def main(_):\n    try:\n        print('tracing', flush=True)\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        raise RuntimeError('replaced')\nrun_command(main, '')\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "tracing.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "tracing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "interrupted\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_thin(script):
    assert len((ROOT / "scripts" / script).read_text().splitlines()) <= 45


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("prepare.py", "corpus=ravdes"), "Did you mean ravdess?"),
        (("prepare.py", "corpus=fsdd", "data_root=nowhere"), "there is no folder nowhere/fsdd"),
        (("prepare.py", "corpus=fsdd"), "give data_root=DIR or set MTL_TF_DATA"),
        (("prepare.py", "corpus=fsdd", "audit.silence=1"), "unknown argument audit.silence=1"),
        (("prepare.py", "corpus=savee", "data_root=.", "download=true"), "no public download"),
        (("train.py", "experiment=fsdd"), "give data_root=DIR or set MTL_TF_DATA"),
        (("train.py", "experiment=nothing"), "no experiment is called nothing"),
        (("evaluate.py", "run=nowhere"), "nowhere/config.yaml is missing; is nowhere the folder of a run?"),
        (("predict.py", "run=nowhere", "a.wav"), "nowhere/config.yaml is missing"),
        (("predict.py", "run=nowhere"), "at least one audio file"),
        (("predict.py", "run=nowhere", "a.wav", "timeout_s=3"), "name and timeout_s are for a server"),
        (("predict.py", "run=nowhere", "a.wav", "hop_s=3"), "hop_s needs window_s"),
        (("export.py", "run=nowhere"), "name=NAME"),
        (("export.py", "run=nowhere", "name=x"), "nowhere/config.yaml is missing"),
        (("evaluate.py", "run="), "run needs a value: run=VALUE"),
        (("train.py", "experiment=fsdd", "corpora.fsd.where={}"), "Did you mean fsdd?"),
        (("train.py", "experiment=fsdd", "tasks.digi.main_metric=uar"), "Did you mean digit?"),
        (("evaluate.py", "."), "Did you mean run=.?"),
        (("prepare.py", "fsdd"), "Did you mean corpus=fsdd?"),
        (("prepare.py", "corpus=fsdd", "data_root=/nowhere/fsdd"), "did you mean data_root=/nowhere?"),
        (("export.py", "rum=nowhere", "name=x"), "Did you mean run?"),
        (("export.py", "run=nowhere", "name=../x"), "give a plain folder name"),
        (("prepare.py", "corpus=fsdd", "data_root"), "data_root needs a value: data_root=VALUE"),
        (("export.py", "run=nowhere", "name=x", "version=²"), "give a whole number above 0"),
        (("export.py", "run=nowhere", "name=x", "version=0"), "give a whole number above 0"),
        (("benchmark.py",), "say what to measure"),
        (("benchmark.py", "pipelin"), "no benchmark is called pipelin. Did you mean pipeline?"),
        (("benchmark.py", "stepp"), "Did you mean step?"),
        (("benchmark.py", "step", "models=vgg13"), "no benchmark of vgg13"),
        (("benchmark.py", "pipeline", "num_clips=0"), "num_clips=0: give a number above 0"),
        (("benchmark.py", "step", "out=/tmp"), "out=/tmp is a folder; name a file"),
        (("benchmark.py", "step", "out=/dev/null/results.json"), "would lie under /dev/null, which is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_mistakes_give_one_line_and_exit_code_2_without_waiting_for_tensorflow(command, expected):
    result = run_without_tensorflow(*command)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert expected in result.stderr
