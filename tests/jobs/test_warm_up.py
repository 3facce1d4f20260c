"""What a worker process has done before its first job."""

import gc
from collections.abc import Callable
from queue import Queue

import pytest

from napari_zircon_cnn.jobs.warm_up import warm_up, warm_up_beside
from napari_zircon_cnn.worker import Done, Outcome, Worker

LIMIT_S = 120


@pytest.mark.parametrize("first", [warm_up, warm_up_beside])
def test_what_is_loaded_is_passed_over_by_collections(first: Callable[[], None]) -> None:
    outcomes: Queue[Outcome] = Queue()
    worker = Worker({"CUDA_VISIBLE_DEVICES": "-1"}, first)
    worker.submit(gc.get_freeze_count, on_done=outcomes.put)
    outcome = outcomes.get(timeout=LIMIT_S)
    worker.close()
    assert isinstance(outcome, Done)
    assert outcome.value > 100_000
