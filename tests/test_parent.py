"""A process ends with the one that started it, whenever that one is killed."""

import subprocess
import sys
import time

import psutil
import pytest
from conftest import ROOT

CHILD = """
import time
time.sleep({imports_s})
from mtl_tf.parent import end_with_parent
end_with_parent()
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
from mtl_tf.parent import child_environment
process = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=child_environment(), start_new_session=True)
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(("imports_s", "lives_s"), [(0, 2), (2, 0)], ids=["at work", "still importing"])
def test_it_ends_with_its_parent(imports_s, lives_s):
    command = [sys.executable, "-c", PARENT, CHILD.format(imports_s=imports_s)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(lives_s)
    assert alive(child)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while alive(child):
        assert time.monotonic() < deadline, "the process outlived its parent"
        time.sleep(0.1)


def alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
