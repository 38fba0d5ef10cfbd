"""Cells in jobs of a real Slurm of one node, which the test starts."""

import os
import shutil
import socket
import subprocess
import threading
import time

import pandas as pd
import pytest

from mtl_tf.errors import UserError
from mtl_tf.study import names as files
from mtl_tf.study.carry_out import compare
from mtl_tf.study.slurm import SlurmWorkers

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
SLURM_CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={place}/munge/socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
SlurmctldPort={port}
SlurmdPort={next_port}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A Slurm of this machine alone; its `SLURM_CONF` is set."""
    pytest.importorskip("submitit", reason='pip install "mtl-tf[cluster]" for submitit')
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid():
        pytest.skip(f"a Slurm of its own needs root and {', '.join(missing) or 'nothing else'} (apt: slurm-wlm munge)")
    place = tmp_path_factory.mktemp("slurm")
    for name in ("munge", "state", "spool"):
        (place / name).mkdir(mode=0o755)
    (place / "munge" / "key").write_bytes(os.urandom(1024))
    (place / "munge" / "key").chmod(0o600)
    munge = place / "munge"
    keys = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    subprocess.run(["munged", "--force", *(f"--{key}={munge / name}" for key, name in keys.items())], check=True)
    host = socket.gethostname().partition(".")[0]
    text = SLURM_CONF.format(host=host, place=place, port=free_port(), next_port=free_port())
    (place / "slurm.conf").write_text(text)
    environment = pytest.MonkeyPatch()
    environment.setenv("SLURM_CONF", str(place / "slurm.conf"))
    try:
        for command in (["slurmctld", "-c"], ["slurmd", "-c"]):
            subprocess.run(command, check=True, timeout=30)
        for _ in range(60):
            if "idle" in subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True).stdout:
                break
            time.sleep(0.5)
        else:
            pytest.skip(f"Slurm does not start here: {(place / 'slurmctld.log').read_text()[-300:]}")
        yield place
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"Slurm does not start here: {error}")
    finally:
        subprocess.run(["scancel", "--user=root"], capture_output=True)
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            if (place / name).is_file():
                subprocess.run(["kill", (place / name).read_text().strip()])
        environment.undo()


STUDY = (
    "experiment=fsdd",
    "tasks.digit.classes=['0','1']",
    "pipeline.noise_db=null",
    "pipeline.clip_s=0.5",
    "model.filters=[4,8]",
    "frontend.num_mel_bins=16",
    "training.epochs=2",
    "seeds=1",
    "sets=[alone]",
    "controls=[]",
    "quiet=true",
)


@pytest.mark.slow
def test_jobs_give_the_scores_of_this_machine_and_one_that_is_cancelled_costs_one_try_of_one_cell(
    slurm, tone_corpus, tmp_path, capsys
):
    """A single job has both cells; when it is cancelled, the second one was not begun, and has not failed."""
    given = [*STUDY, f"data_root={tone_corpus}"]
    jobs = tmp_path / "jobs" / "fsdd"

    def cancel_one():
        for _ in range(600):
            for path in jobs.glob(f"*/{files.JOBS}"):
                if path.read_text().split():
                    subprocess.run(["scancel", path.read_text().split()[0]], check=True)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=cancel_one)
    thread.start()
    keys = ["executor=slurm", "slurm={slurm_partition: main, cpus_per_task: 1}", "workers=1", "study_dir=jobs"]
    there = compare([*given, *keys])
    thread.join()
    said = capsys.readouterr().err
    assert said.count("will be tried once more") == 1 and "left out" not in said
    assert not (there / files.JOBS).is_file()
    here = compare([*given, "study_dir=local"])
    tables = [pd.read_parquet(folder / files.CELLS).set_index("cell") for folder in (there, here)]
    assert (tables[0]["status"] == "completed").all() and list(tables[0].index) == list(tables[1].index)
    for name in ("digit.accuracy", "speaker.accuracy"):
        pd.testing.assert_series_equal(tables[0][name], tables[1][name], atol=0.1)


@pytest.mark.slow
def test_mistakes_of_the_cluster_are_one_line(slurm, tmp_path):
    with pytest.raises(UserError, match=r"study\.slurm: .*partitoin"):
        SlurmWorkers(1, tmp_path, {"slurm_partitoin": "main"})
    (tmp_path / "cell").mkdir()
    with (
        SlurmWorkers(1, tmp_path, {"slurm_partition": "nowhere"}) as workers,
        pytest.raises(UserError, match=r"Slurm refuses the job: .*nvalid partition"),
    ):
        list(workers.carry_out([tmp_path / "cell"]))


def test_without_slurm_it_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason='pip install "mtl-tf[cluster]" for submitit')
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="executor=slurm: there is no sbatch on this machine"):
        SlurmWorkers(1, tmp_path, {})
