import pickle
import subprocess
import sys
from pathlib import Path

import worker_jobs
from napari_zircon_cnn.worker_process import BEGINNING, CANCEL, CANCELLED, DONE, READY, RUN


def test_waiting_job_is_cancelled_while_another_is_under_way(tmp_path: Path) -> None:
    sign, begun, written = tmp_path / "sign", tmp_path / "begun", tmp_path / "written"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", BEGINNING], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pickle.dumps(sys.path))
    process.stdin.flush()
    assert process.stdout.read(len(READY)) == READY

    first = pickle.dumps((worker_jobs.wait_for, (sign, begun), {}, ()))
    second = pickle.dumps((worker_jobs.write, (written,), {}, ()))
    for message in ((RUN, 1, first), (RUN, 2, second), (CANCEL, 2, b"")):
        process.stdin.write(pickle.dumps(message))
    process.stdin.flush()
    assert pickle.load(process.stdout)[:2] == (CANCELLED, 2)  # noqa: S301
    sign.touch()
    assert pickle.load(process.stdout)[:2] == (DONE, 1)  # noqa: S301

    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()
    assert not written.exists()
