import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any, Self

import pytest

import worker_jobs
from district import District
from napari_zircon_cnn.worker import Done, Failed, Job, Outcome, WasCancelled, Worker

TESTS = Path(__file__).parent
LIMIT_S = 60.0

on_linux = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes as Linux shows them")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    started.close()


@pytest.fixture
def own_worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    started.close()


def outcome_of(worker: Worker, job: Callable[..., Any], *arguments: Any, **named: Any) -> Outcome:
    return ended(worker.submit(job, *arguments, on_done=lambda _: None, **named))


def ended(job: Job) -> Outcome:
    outcome = job.wait(LIMIT_S)
    assert outcome is not None
    return outcome


def ignore(*arguments: Any) -> None:
    """Take what a job tells."""


HEARD = {"progress": ignore}


def started(worker: Worker, job: Callable[..., Any], *arguments: Any, **named: Any) -> Job:
    """Submit a job and return it when it has told of its progress."""
    begun = threading.Event()
    listeners = {"progress": lambda *_: begun.set()}
    submitted = worker.submit(job, *arguments, listeners=listeners, on_done=ignore, **named)
    assert begun.wait(LIMIT_S)
    return submitted


def test_result_comes_back_with_the_last_progress(worker: Worker) -> None:
    heard: list[tuple[float, str]] = []
    outcomes: Queue[Outcome] = Queue()
    listeners = {"progress": lambda *arguments: heard.append(arguments)}
    worker.submit(worker_jobs.double, 21, listeners=listeners, on_done=outcomes.put)
    assert outcomes.get(timeout=LIMIT_S) == Done(42)
    assert heard[-1] == (1.0, "done")
    assert len(heard) < 50


def test_last_progress_before_a_long_step_is_heard_during_the_step(worker: Worker, tmp_path: Path) -> None:
    answer = tmp_path / "heard"

    def listen(fraction: float, message: str) -> None:
        if message == "two":
            answer.touch()

    outcome = outcome_of(worker, worker_jobs.fall_silent, answer, listeners={"progress": listen})
    assert outcome == Done(True)


def test_other_listeners_hear_every_call(worker: Worker) -> None:
    epochs: list[int] = []
    listeners = {"on_epoch": lambda fold, row: epochs.append(row["epoch"])}
    outcome = outcome_of(worker, worker_jobs.tell, listeners=listeners)
    assert epochs == list(range(30))
    assert isinstance(outcome, Done)
    assert outcome.value != os.getpid()


def test_jobs_run_in_order_and_a_waiting_one_can_be_cancelled(worker: Worker, tmp_path: Path) -> None:
    order: Queue[str] = Queue()
    first = started(worker, worker_jobs.go_on)
    second = worker.submit(
        worker_jobs.write, tmp_path / "second", on_done=lambda outcome: order.put(f"second {outcome}")
    )
    third = worker.submit(worker_jobs.write, tmp_path / "third", on_done=lambda _: order.put("third"))
    assert worker.busy
    assert second.running
    second.cancel()
    first.cancel()
    assert ended(first) == ended(second) == WasCancelled()
    assert ended(third) == Done(None)
    assert [order.get(timeout=LIMIT_S) for _ in range(2)] == [f"second {WasCancelled()}", "third"]
    assert not (tmp_path / "second").exists()
    assert (tmp_path / "third").exists()
    assert not worker.busy


def test_job_that_waits_for_the_warming_up_is_cancelled_at_once(tmp_path: Path) -> None:
    begun, sign, written = tmp_path / "begun", tmp_path / "sign", tmp_path / "written"
    worker = Worker(warm_up=partial(worker_jobs.wait_for, sign, begun))
    worker.start()
    wait_until(begun.exists)
    job = worker.submit(worker_jobs.write, written, on_done=ignore)
    job.cancel()
    assert ended(job) == WasCancelled()
    sign.touch()
    assert outcome_of(worker, worker_jobs.process_id) == Done(worker.process_id)
    worker.close()
    assert not written.exists()


def test_jobs_from_many_threads_all_run_in_one_process(own_worker: Worker) -> None:
    jobs: list[Job] = []
    together = threading.Barrier(8)

    def submit() -> None:
        together.wait()
        jobs.append(own_worker.submit(worker_jobs.process_id, on_done=ignore))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {ended(job) for job in jobs} == {Done(own_worker.process_id)}


def test_job_that_hears_no_wish_can_be_killed_and_the_next_works(worker: Worker) -> None:
    job = started(worker, worker_jobs.go_on_deaf)
    job.cancel()
    job.kill()
    assert ended(job) == WasCancelled()
    assert outcome_of(worker, worker_jobs.double, 4, listeners=HEARD) == Done(8)


def test_killing_a_job_that_waits_leaves_the_one_under_way_alone(worker: Worker, tmp_path: Path) -> None:
    sign, begun = tmp_path / "sign", tmp_path / "begun"
    first = worker.submit(worker_jobs.wait_for, sign, begun, on_done=ignore)
    wait_until(begun.exists)
    second = worker.submit(worker_jobs.process_id, on_done=ignore)
    second.kill()
    sign.touch()
    assert ended(first) == Done(None)
    assert ended(second) == WasCancelled()


def test_killed_process_is_told_in_a_sentence_and_the_next_job_works(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.die)
    assert isinstance(outcome, Failed)
    assert "has stopped" in outcome.sentence
    assert "lack of memory" in outcome.sentence
    assert "Nothing in the project is lost" in outcome.sentence
    assert outcome.is_crash
    assert not outcome.is_bug
    assert outcome_of(worker, worker_jobs.double, 4, listeners=HEARD) == Done(8)


def test_crash_in_a_library_names_its_kind(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.die, int(signal.SIGSEGV))
    assert isinstance(outcome, Failed)
    assert "SIGSEGV" in outcome.sentence
    assert outcome.is_crash


def test_process_killed_between_jobs_is_started_again(worker: Worker) -> None:
    assert isinstance(outcome_of(worker, worker_jobs.process_id), Done)
    number = worker.process_id
    assert number is not None
    os.kill(number, signal.SIGKILL)
    wait_until(lambda: not worker.alive)
    assert isinstance(outcome_of(worker, worker_jobs.process_id), Done)
    assert worker.process_id != number


def test_job_of_a_process_that_cannot_start_is_told_so(tmp_path: Path) -> None:
    worker = Worker({"PYTHONHOME": str(tmp_path / "nowhere")})
    for _ in range(2):
        outcome = outcome_of(worker, worker_jobs.process_id)
        assert isinstance(outcome, Failed)
        assert "could not be started" in outcome.sentence
    worker.close()


def test_error_of_the_user_is_its_sentence(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.refuse)
    assert outcome == Failed("There is no grain; find some first.")
    assert isinstance(outcome, Failed)
    assert not outcome.is_bug


def test_bug_comes_with_its_trace(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.stumble)
    assert isinstance(outcome, Failed)
    assert "KeyError" in outcome.sentence
    assert "in stumble" in outcome.trace
    assert outcome.is_bug


def test_job_that_ends_its_process_politely_is_a_bug_and_does_not_end_it(worker: Worker) -> None:
    assert isinstance(outcome_of(worker, worker_jobs.process_id), Done)
    number = worker.process_id
    outcome = outcome_of(worker, worker_jobs.leave)
    assert isinstance(outcome, Failed)
    assert "SystemExit" in outcome.sentence
    assert worker.process_id == number


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (MemoryError, ""),
        (worker_jobs.ResourceExhaustedError, "OOM when allocating tensor"),
        (RuntimeError, "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 2 bytes"),
    ],
)
def test_lack_of_memory_is_told_with_advice(worker: Worker, kind: type[Exception], message: str) -> None:
    outcome = outcome_of(worker, worker_jobs.run_out_of_memory, kind, message)
    assert isinstance(outcome, Failed)
    assert "choose a smaller batch" in outcome.sentence
    assert not outcome.is_bug


def test_full_disk_is_no_bug(worker: Worker) -> None:
    outcome = outcome_of(worker, worker_jobs.fill_the_disk)
    assert isinstance(outcome, Failed)
    assert "No space left on device: model.keras" in outcome.sentence
    assert not outcome.is_bug


def test_what_cannot_be_passed_on_hangs_nothing(worker: Worker) -> None:
    for job in (worker_jobs.give_what_cannot_be_passed_on, worker_jobs.give_what_cannot_be_had_back):
        back = outcome_of(worker, job)
        assert isinstance(back, Failed)
        assert "cannot be passed on" in back.sentence
        assert back.is_bug
    there = outcome_of(worker, worker_jobs.double, lambda: None, listeners=HEARD)
    assert isinstance(there, Failed)
    assert "cannot be passed on" in there.sentence
    assert outcome_of(worker, worker_jobs.double, 5, listeners=HEARD) == Done(10)


def test_callback_that_fails_does_not_end_the_worker(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError(arguments)

    assert outcome_of(worker, worker_jobs.double, 3, listeners={"progress": fail}) == Done(6)
    worker.submit(worker_jobs.refuse, on_done=fail)
    assert outcome_of(worker, worker_jobs.double, 5, listeners={"progress": fail}) == Done(10)
    assert "RuntimeError" in caplog.text


def test_what_a_job_prints_is_no_answer_and_blocks_nothing() -> None:
    # A terminal that knows no letters beyond ASCII.
    worker = Worker({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"})
    assert outcome_of(worker, worker_jobs.chatter, "1 µm ███ 99 %", 5_000) == Done(5_000)
    assert outcome_of(worker, worker_jobs.read_a_line) == Done("")
    worker.close()


def test_what_python_prints_at_its_start_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('good morning', flush=True)\n", encoding="utf-8")
    worker = Worker({"PYTHONPATH": str(tmp_path)})
    assert isinstance(outcome_of(worker, worker_jobs.process_id), Done)
    worker.close()


def test_modules_in_the_folder_one_works_in_are_not_taken_for_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pickle.py", "signal.py"):
        (tmp_path / name).write_text("raise RuntimeError\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    worker = Worker()
    assert isinstance(outcome_of(worker, worker_jobs.process_id), Done)
    worker.close()


def test_nothing_is_left_in_the_folder_of_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a socket's name may be.
    folder = tmp_path / ("a" * 100)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    worker = Worker()
    assert isinstance(outcome_of(worker, worker_jobs.die), Failed)
    assert isinstance(outcome_of(worker, worker_jobs.process_id), Done)
    worker.close()
    assert list(folder.iterdir()) == []


def test_process_gets_the_environment() -> None:
    worker = Worker({"CUDA_VISIBLE_DEVICES": "-1"})
    assert outcome_of(worker, os.getenv, "CUDA_VISIBLE_DEVICES") == Done("-1")
    worker.close()


TRAINING = """
import sys
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.jobs.warm_up import found_devices, warm_up
from napari_zircon_cnn.worker import Worker
worker = Worker({"CUDA_VISIBLE_DEVICES": "-1"}, warm_up)
worker.start()
epochs = []
listeners = {"progress": lambda *_: None, "on_epoch": lambda fold, epoch: epochs.append(epoch["epoch"])}
found = worker.submit(found_devices, on_done=lambda _: None)
trained = worker.submit(
    train_model, *sys.argv[1:], training={"epochs": 2}, listeners=listeners, on_done=lambda _: None
)
assert any(name.startswith("cpu") for name in found.wait().value)
assert len(trained.wait().value.history) == len(epochs) == 2
worker.close()
assert not {"keras", "tensorflow", "umap"} & set(sys.modules)
"""


def test_network_is_trained_and_nothing_of_it_is_loaded_beside_the_window(district: District) -> None:
    files = [str(path) for path in (district.project, district.classes, district.model)]
    subprocess.run([sys.executable, "-c", TRAINING, *files], check=True)
    assert district.model.exists()


WINDOW = """
import os, signal, sys, time, worker_jobs
from pathlib import Path
from napari_zircon_cnn.worker import Worker
# What a shell starts in the background, as some tests are, does not heed it.
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
worker = Worker()
first = worker.submit(worker_jobs.process_id, on_done=lambda outcome: print(outcome.value, flush=True))
worker.submit({job}, listeners={{"progress": lambda *_: None}},
              on_done=lambda outcome: print(outcome, flush=True))
{after}
time.sleep(600)
"""
"""A script without a guard for `__main__`, as a user may write it."""


class Window:
    """A process that has a worker, in a group of its own as if it was started from a terminal."""

    def __init__(
        self, folder: Path, job: str = "worker_jobs.go_on", before: str = "", after: str = "", **options: Any
    ) -> None:
        script = folder / "window.py"
        filled = WINDOW.format(job=job, before=before, after=after)
        script.write_text(f"import sys; sys.path.append({str(TESTS)!r})\n{filled}", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
        self.worker_id = int(self.line())

    def line(self) -> str:
        assert self.process.stdout is not None
        line: str = self.process.stdout.readline()
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    assert condition()


@on_linux
@pytest.mark.parametrize("job", ["worker_jobs.go_on", "worker_jobs.go_on_deaf"])
def test_process_ends_with_the_one_that_started_it(tmp_path: Path, job: str) -> None:
    with Window(tmp_path, job) as window:
        window.process.kill()
        wait_until(lambda: not is_running(window.worker_id))


@on_linux
def test_process_ends_also_where_the_one_that_started_it_has_forked(tmp_path: Path) -> None:
    # The copy holds the other ends of all pipes.
    forked = textwrap.dedent("""
        first.wait()
        copy = os.fork()
        if copy == 0:
            time.sleep(600)
        print(copy, flush=True)
    """)
    with Window(tmp_path, after=forked) as window:
        copy = int(window.line())
        window.process.kill()
        wait_until(lambda: not is_running(window.worker_id))
        assert is_running(copy)


@on_linux
def test_interrupt_from_the_keyboard_is_for_the_window(tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    heeds = "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))"
    with Window(tmp_path, f"worker_jobs.fall_silent, Path({str(sign)!r})", before=heeds) as window:
        os.killpg(window.process.pid, signal.SIGINT)
        assert window.line() == "interrupted\n"
        sign.touch()
        assert window.line() == f"{Done(True)}\n"


@on_linux
def test_window_that_is_interrupted_leaves_no_process_behind(tmp_path: Path) -> None:
    with Window(tmp_path) as window:
        os.killpg(window.process.pid, signal.SIGINT)
        window.process.wait(LIMIT_S)
        wait_until(lambda: not is_running(window.worker_id))


@on_linux
def test_job_may_print_where_the_terminal_is_gone(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    after = """
sys.stdin.readline()
worker.submit(worker_jobs.chatter, 'hello', 10, on_done=lambda outcome: print(outcome, flush=True))
"""
    with Window(
        tmp_path, "worker_jobs.double, 2", after=after, stderr=writer, stdin=subprocess.PIPE
    ) as window:
        assert window.line() == f"{Done(4)}\n"
        os.close(writer)
        os.close(reader)
        assert window.process.stdin is not None
        window.process.stdin.write("\n")
        window.process.stdin.flush()
        assert window.line() == f"{Done(10)}\n"


def test_closing_lets_a_job_tidy_up(tmp_path: Path) -> None:
    worker = Worker()
    job = started(worker, worker_jobs.tidy_up, tmp_path / "note")
    worker.close()
    assert ended(job) == WasCancelled()
    assert (tmp_path / "note").read_text(encoding="utf-8") == "tidied"
    assert not worker.alive


def test_closing_stops_a_job_that_hears_no_wish_and_those_that_wait(tmp_path: Path) -> None:
    worker = Worker()
    job = started(worker, worker_jobs.go_on_deaf)
    waiting = worker.submit(worker_jobs.write, tmp_path / "waiting", on_done=ignore)
    worker.close()
    assert ended(job) == ended(waiting) == WasCancelled()
    assert not (tmp_path / "waiting").exists()
    assert not worker.alive


def test_closed_worker_takes_no_jobs() -> None:
    worker = Worker()
    worker.close()
    assert outcome_of(worker, worker_jobs.process_id) == WasCancelled()
    assert not worker.alive


@pytest.mark.parametrize(
    "is_far", [lambda worker: True, lambda worker: worker.alive], ids=["submitted", "alive"]
)
def test_closing_while_the_process_starts_leaves_none_behind(is_far: Callable[[Worker], bool]) -> None:
    worker = Worker()
    job = worker.submit(worker_jobs.go_on, listeners=HEARD, on_done=ignore)
    wait_until(lambda: is_far(worker))
    worker.close()
    assert ended(job) == WasCancelled()
    assert not worker.alive
