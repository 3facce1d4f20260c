"""Any curating steps on a drawn mount, and whether two states of it are the same."""

from typing import Any

import pandas as pd
from hypothesis import strategies as st

from napari_zircon_cnn.actions import (
    Accept,
    Action,
    Delete,
    Merge,
    Redraw,
    Reject,
    RejectFlagged,
    SetClass,
    Split,
)
from napari_zircon_cnn.columns import FLAGS
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount

labels = st.integers(1, 8)
points = st.tuples(st.floats(-50, 650), st.floats(-50, 450))
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Reject, labels=st.lists(labels, min_size=1).map(tuple), reason=st.text(min_size=1)),
    st.builds(RejectFlagged, flag=st.sampled_from(FLAGS), reason=st.text()),
    st.builds(Accept, labels=st.lists(labels, min_size=1).map(tuple), reason=st.text()),
    st.builds(
        lambda chosen, name: SetClass.model_validate({"labels": chosen, "class": name}),
        st.lists(labels, min_size=1).map(tuple),
        st.sampled_from(["", "porphyry", "batholith"]),
    ),
    st.builds(Delete, labels=st.lists(labels, min_size=1, max_size=2).map(tuple), reason=st.just("dust")),
    st.builds(Merge, labels=st.lists(labels, min_size=2, max_size=3).map(tuple)),
    st.builds(
        lambda row, start, length, label: Redraw(runs_px=((row, start, start + length, label),)),
        st.integers(0, 200),
        st.integers(0, 300),
        st.integers(1, 60),
        st.integers(0, 8),
    ),
    st.builds(Split, label=labels, line_um=st.lists(points, min_size=2, max_size=4).map(tuple)),
)
steps = st.lists(st.one_of(actions, st.sampled_from(["undo", "redo", "save"])), max_size=12)


def do(curation: Curation, step: Any) -> bool:
    """Do a step; return whether it fitted."""
    try:
        if step == "undo":
            curation.undo()
        elif step == "redo":
            curation.redo()
        elif step == "save":
            curation.checkpoint()
        else:
            curation.perform(step)
    except ZirconError:
        return False
    return True


def state_of(segmented: SegmentedMount) -> tuple[bytes, pd.DataFrame]:
    return segmented.labels.tobytes(), segmented.table.copy()


def assert_same(one: tuple[bytes, pd.DataFrame], other: tuple[bytes, pd.DataFrame]) -> None:
    assert one[0] == other[0]
    pd.testing.assert_frame_equal(one[1], other[1])
