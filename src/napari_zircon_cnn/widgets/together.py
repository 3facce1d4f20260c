"""Grains of several samples that were chosen together: what is done to them is one step, undone as one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from napari_zircon_cnn.actions import Accept, Action, Delete, Reject, SetClass
from napari_zircon_cnn.curation import Mark, Touched
from napari_zircon_cnn.widgets.open_sample import OpenSample

_ON_ANY = (Accept, Reject, SetClass, Delete)


class Together:
    """Knows which grains were chosen together, as long as nothing else is selected in their samples."""

    def __init__(self) -> None:
        self._chosen: dict[OpenSample, tuple[int, ...]] = {}
        self._is_choosing = False

    def choose(self, chosen: Mapping[OpenSample, Sequence[int]]) -> None:
        """Select grains in several samples.

        Parameters
        ----------
        chosen
            The labels to select in each sample; where there are none, nothing stays selected.
        """
        self._is_choosing = True
        try:
            for sample, labels in chosen.items():
                sample.select(labels)
        finally:
            self._is_choosing = False
        self._chosen = {sample: sample.selected for sample in chosen if sample.selected}

    def others(self, active: OpenSample) -> list[OpenSample]:
        """Return the samples with grains that were chosen together with those of a sample."""
        is_held = all(sample.selected == labels for sample, labels in self._chosen.items())
        if not is_held or active not in self._chosen:
            return []
        return [sample for sample in self._chosen if sample is not active]

    def let_go(self, active: OpenSample) -> None:
        """Select nothing in other samples any more, since something else was selected in this one."""
        if self._is_choosing:
            return
        chosen, self._chosen = self._chosen, {}
        for sample in chosen:
            if sample is not active:
                sample.select([])

    def forget(self, sample: OpenSample) -> None:
        """Leave a sample out that goes off the screen."""
        self._chosen.pop(sample, None)


def perform(action: Action, active: OpenSample, others: Sequence[OpenSample]) -> None:
    """Do an action on a sample, and in the same step on what is selected in others.

    Parameters
    ----------
    action
        What to do on the first sample. Only what suits any grain, and is about all that are selected
        there, is done on the others.
    active
        The first sample.
    others
        The others.

    Raises
    ------
    ZirconError
        Where it does not fit; nothing has changed then.
    """
    if not others or not isinstance(action, _ON_ANY) or action.labels != active.selected:
        active.perform(action)
        return
    samples = (active, *others)
    actions = [action.model_copy(update={"labels": sample.selected}) for sample in samples]
    for sample, each in zip(samples, actions, strict=True):
        each.change(sample.segmented)
    mark = Mark(tuple(sample.name for sample in samples))
    for sample, each in zip(samples, actions, strict=True):
        sample.perform(each, mark)


def step_back(
    way: Literal["undo", "redo"], active: OpenSample, samples: Iterable[OpenSample]
) -> tuple[dict[OpenSample, Touched], list[str]]:
    """Undo a sample's last step or do it again, and with it the same step on other samples.

    Parameters
    ----------
    way
        Which.
    active
        The sample.
    samples
        All that are on the screen.

    Returns
    -------
    tuple
        What has changed by sample, and the names of those where more was done after the step.

    Raises
    ------
    ZirconError
        Where there is nothing to undo or do again.
    """
    mark = active.curation.mark(way)
    among = [
        sample
        for sample in samples
        if sample is not active and mark is not None and sample.curation.mark(way) is mark
    ]
    touched = {sample: getattr(sample, way)() for sample in (active, *among)}
    names = () if mark is None else mark.samples
    return touched, [name for name in names if name not in {sample.name for sample in touched}]
