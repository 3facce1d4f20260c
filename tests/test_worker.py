import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

import worker_jobs
from napari_zircon_cnn.jobs.warm_up import found_devices
from napari_zircon_cnn.worker import Done, Failed, Outcome, WasCancelled, Worker

TESTS = Path(__file__).parent
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    started = Worker({"PYTHONPATH": str(TESTS)})
    yield started
    started.close()


def outcome_of(worker: Worker, job: Callable[..., Any], *arguments: Any, **named: Any) -> Outcome:
    outcomes: Queue[Outcome] = Queue()
    worker.submit(job, *arguments, on_done=outcomes.put, **named)
    return outcomes.get(timeout=LIMIT_S)


def test_result_comes_back_with_the_last_progress(worker: Worker) -> None:
    heard: list[tuple[float, str]] = []
    listeners = {"progress": lambda *arguments: heard.append(arguments)}
    assert outcome_of(worker, worker_jobs.double, 21, listeners=listeners) == Done(42)
    assert heard[-1] == (1.0, "done")
    assert len(heard) < 50


def test_other_listeners_hear_every_call(worker: Worker) -> None:
    epochs: list[int] = []
    listeners = {"on_epoch": lambda fold, row: epochs.append(row["epoch"])}
    outcome = outcome_of(worker, worker_jobs.tell, listeners=listeners)
    assert epochs == list(range(30))
    assert isinstance(outcome, Done)
    assert outcome.value != os.getpid()


def test_jobs_run_in_order_and_a_waiting_one_can_be_cancelled(worker: Worker) -> None:
    ended: Queue[tuple[str, Outcome]] = Queue()
    begun: Queue[str] = Queue()
    first = worker.submit(
        worker_jobs.go_on,
        listeners={"progress": lambda *_: begun.put("first")},
        on_done=lambda outcome: ended.put(("first", outcome)),
    )
    second = worker.submit(
        worker_jobs.go_on,
        listeners={"progress": lambda *_: None},
        on_done=lambda outcome: ended.put(("second", outcome)),
    )
    worker.submit(
        worker_jobs.tell, listeners={"on_epoch": lambda *_: None}, on_done=lambda _: ended.put(("third", _))
    )
    begun.get(timeout=LIMIT_S)
    second.cancel()
    first.cancel()
    assert [ended.get(timeout=LIMIT_S) for _ in range(2)] == [
        ("first", WasCancelled()),
        ("second", WasCancelled()),
    ]
    assert ended.get(timeout=LIMIT_S)[0] == "third"


def test_killed_process_is_told_in_a_sentence_and_the_next_job_works(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.die)
    assert isinstance(outcome, Failed)
    assert "has stopped by signal 9" in outcome.sentence
    assert "Nothing in the project is lost" in outcome.sentence
    assert outcome_of(worker, worker_jobs.double, 4, listeners={"progress": lambda *_: None}) == Done(8)


def test_error_of_the_user_is_its_sentence(worker: Worker) -> None:
    assert outcome_of(worker, worker_jobs.refuse) == Failed("There is no grain; find some first.")


def test_bug_comes_with_its_trace(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.stumble)
    assert isinstance(outcome, Failed)
    assert "KeyError" in outcome.sentence
    assert "in stumble" in outcome.trace


def test_lack_of_memory_is_told_with_advice(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.run_out_of_memory)
    assert isinstance(outcome, Failed)
    assert "choose a smaller batch" in outcome.sentence


def test_what_cannot_be_passed_on_hangs_nothing(worker: Worker) -> None:
    back = outcome_of(worker, worker_jobs.give_what_cannot_be_passed_on)
    assert isinstance(back, Failed)
    assert "cannot be passed on" in back.sentence
    there = outcome_of(worker, worker_jobs.double, lambda: None, listeners={"progress": lambda *_: None})
    assert isinstance(there, Failed)
    assert "cannot be passed on" in there.sentence


def test_callback_that_fails_does_not_end_the_worker(worker: Worker) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError(arguments)

    assert outcome_of(worker, worker_jobs.double, 3, listeners={"progress": fail}) == Done(6)
    worker.submit(worker_jobs.refuse, on_done=fail)
    assert outcome_of(worker, worker_jobs.double, 5, listeners={"progress": fail}) == Done(10)


def test_devices_are_told(worker: Worker) -> None:
    outcome = outcome_of(worker, found_devices)
    assert isinstance(outcome, Done)
    assert any(name.startswith("cpu") for name in outcome.value)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")
def test_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "window.py"
    # Without a guard for `__main__`, as in a script of a user.
    script.write_text(
        textwrap.dedent("""
        import sys, time, worker_jobs
        from napari_zircon_cnn.worker import Worker
        worker = Worker()
        worker.submit(worker_jobs.tell, listeners={"on_epoch": lambda *_: None},
                      on_done=lambda outcome: print(outcome.value, flush=True))
        worker.submit(worker_jobs.load_keras, on_done=lambda outcome: print(
            outcome.value, sorted({"keras", "tensorflow"} & set(sys.modules)), flush=True))
        worker.submit(worker_jobs.go_on, listeners={"progress": lambda *_: None}, on_done=print)
        time.sleep(600)
        """)
    )
    window = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )
    assert window.stdout is not None
    number = int(window.stdout.readline())
    assert window.stdout.readline() == "True []\n"
    os.kill(window.pid, signal.SIGKILL)
    window.wait()
    limit = time.monotonic() + 5
    while is_running(number) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not is_running(number)


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_closing_stops_a_job_under_way() -> None:
    worker = Worker({"PYTHONPATH": str(TESTS)})
    outcomes: Queue[Outcome] = Queue()
    begun: Queue[str] = Queue()
    worker.submit(worker_jobs.go_on, listeners={"progress": lambda *_: begun.put("")}, on_done=outcomes.put)
    begun.get(timeout=LIMIT_S)
    worker.close()
    assert outcomes.get(timeout=LIMIT_S) == WasCancelled()
