"""Whether what is said of a network holds, on districts of synthetic mounts whose truth is known.

`python benchmarks/bench_honesty.py` runs all; `audit`, `masking` or `verdicts` behind it runs one part.

In a district of eight samples porphyry was imaged in bright sessions and batholith in dim ones, so that
brightness tells the classes apart in training. Each sample is held out in turn, and the network is asked
about another mount of it, from a session whose brightness has nothing to do with the class.

- audit: the audit of that district, as the command does it, mosaics, segmentation and all.
- masking: the ROC-AUC of the notebook's settings and of masked crops with session light, by seed; each seed
  draws another district. Then the calibration error of the latter, before and after: each sample is
  calibrated by what fits the seven others. Grains come from the true label images.
- verdicts: 100 districts. In each, eight mounts are drawn and asked of a network that was trained on none of
  them, and calibrate it, as samples held out one by one do; a ninth gets its verdict. The truth is the mean
  probability of all grains of its class in all mounts of all districts, since mounts of one class differ in
  their grains and sessions alone. What is simplified: networks are not trained anew for each district, but
  taken in turn from a few that were trained on districts of their own.
"""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import imagecodecs
import keras
import numpy as np

from napari_zircon_cnn.calibration import FROM_SAMPLES, fit_calibration, scaled
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.dataset import Dataset, SampleClasses, gather, leave_one_sample_out
from napari_zircon_cnn.grains import SegmentedMount, measure
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.jobs.audit import Audited, audit_project
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.metrics import Probabilities, roc_auc
from napari_zircon_cnn.networks.card import HeldOutSample
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.priors import equal_priors, evened, leaning
from napari_zircon_cnn.samples.synthetic import BATHOLITH, PORPHYRY, SyntheticMount
from napari_zircon_cnn.samples.synthetic_district import classes_of, synthetic_district
from napari_zircon_cnn.training import train
from napari_zircon_cnn.verdicts import log_ratio_noise, log_ratios, spread_between, verdict

CLASSES = (BATHOLITH, PORPHYRY)
NOTEBOOK = TrainSettings(augmentation="notebook", value_range="minus_one_to_one", epochs=60)
SESSION = TrainSettings(augmentation="session", epochs=60)
EVEN = equal_priors(2)


def grains_of(mounts: Sequence[SyntheticMount], *, masked: bool) -> Dataset:
    """Return the crops of mounts with their true outlines and classes."""
    segmented = (SegmentedMount(each.mount, each.labels, measure(each.labels, each.mount)) for each in mounts)
    return gather(segmented, SampleClasses(CLASSES, classes_of(list(mounts))), CropSettings(masked=masked))


def audited(seed: int = 0, n_grains: int = 60, epochs: int = 40) -> Audited:
    """Audit a district with confounded brightness, from its mosaics on, with the notebook's settings."""
    mounts = synthetic_district(seed, n_grains, confounded=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / f"{drawn.mount.sample}.png" for drawn in mounts]
        for drawn, file in zip(mounts, files, strict=True):
            file.write_bytes(imagecodecs.png_encode(drawn.mount.image))
        segment_mosaics(folder / "district", files)
        training = dataclasses.asdict(dataclasses.replace(NOTEBOOK, epochs=epochs))
        return audit_project(folder / "district", classes_of(mounts), folder / "audit", training=training)


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """What networks say of the samples that each was trained without, for equally frequent classes."""

    probabilities: Probabilities
    grains: Dataset

    def auc(self) -> float:
        """Return the ROC-AUC over all samples."""
        return roc_auc(self.probabilities, self.grains.y)


def hold_out_each(
    seed: int, settings: TrainSettings, *, masked: bool, n_grains: int = 100, n_asked: int = 250
) -> HeldOut:
    """Train without each sample of a confounded district and ask about another mount of that sample."""
    grains = grains_of(synthetic_district(seed, n_grains, confounded=True), masked=masked)
    asked = grains_of(synthetic_district(seed + 1000, n_asked, confounded=False), masked=masked)
    settings = dataclasses.replace(settings, seed=seed)
    said, which = [], []
    for fold in leave_one_sample_out(grains):
        learnt, here = grains.take(fold.train), np.flatnonzero(asked.samples == fold.name)
        network = trained_on(learnt, settings)
        assumed = leaning(predict(network, learnt.crops), learnt.y)
        said.append(evened(predict(network, asked.crops[here]), assumed))
        which.append(here)
    return HeldOut(np.concatenate(said), asked.take(np.concatenate(which)))


def trained_on(grains: Dataset, settings: TrainSettings) -> keras.Model:
    """Return a network trained on all of some grains."""
    return train(grains.crops, grains.y, grains.crops[:0], grains.y[:0], CLASSES, settings).model


def calibration_errors(held_out: HeldOut) -> tuple[float, float]:
    """Return the expected calibration error before and after, each sample by what fits the others."""
    grains = held_out.grains
    found = fit_calibration(held_out.probabilities, grains.y, grains.samples, FROM_SAMPLES, EVEN)
    before: Any = found.before["ece"]
    after: Any = found.after["ece"]
    return before, after


def covered(
    networks: Sequence[keras.Model], n_districts: int = 100, n_grains: int = 40
) -> tuple[int, list[float]]:
    """Return in how many districts the interval of a verdict holds the truth, and how wide each is."""
    mounts = [
        grains_of(synthetic_district(10_000 + n, n_grains, confounded=False, n_samples=10), masked=True)
        for n in range(n_districts)
    ]
    everything = np.concatenate([grains.crops for grains in mounts])
    of_all = np.concatenate([grains.y for grains in mounts])
    said = [predict(network, everything) for network in networks]
    ends = np.cumsum([0, *(len(grains) for grains in mounts)])
    n_covered, widths = 0, []
    for n, grains in enumerate(mounts):
        all_said = said[n % len(said)]
        probabilities = all_said[ends[n] : ends[n + 1]]
        new = grains.samples == ("BAT-5", "POR-5")[n % 2]
        calibrating = ~np.isin(grains.samples, ["BAT-5", "POR-5"])
        found = fit_calibration(
            probabilities[calibrating], grains.y[calibrating], grains.samples[calibrating], FROM_SAMPLES, EVEN
        )
        spread = spread_between(
            [
                HeldOutSample(
                    sample=name,
                    class_name=CLASSES[int(grains.y[here][0])],
                    n_grains=int(here.sum()),
                    log_ratios=tuple(log_ratios(scaled(probabilities[here], found)).tolist()),
                    noise=log_ratio_noise(scaled(probabilities[here], found)),
                )
                for name in np.unique(grains.samples[calibrating]).tolist()
                for here in [grains.samples == name]
            ]
        )
        told = verdict(scaled(probabilities[new], found), CLASSES, PORPHYRY, spread=spread, seed=n)
        truth = float(scaled(all_said[of_all == grains.y[new][0]], found)[:, 1].mean())
        n_covered += told.low <= truth <= told.high
        widths.append(told.high - told.low)
    return n_covered, widths


def print_audit() -> None:
    found = audited()
    print(found.table.drop(columns="holds").round(2).to_string(index=False))
    print(found.sentence, flush=True)


def print_masking(seeds: Sequence[int] = range(5)) -> None:
    gains, errors = [], []
    for seed in seeds:
        notebook = hold_out_each(seed, NOTEBOOK, masked=False)
        session = hold_out_each(seed, SESSION, masked=True)
        before, after = calibration_errors(session)
        gains.append(session.auc() - notebook.auc())
        errors.append(after)
        print(
            f"seed {seed}: ROC-AUC on samples held out {notebook.auc():.3f} with the notebook's settings, "
            f"{session.auc():.3f} masked with session light; its calibration error {before:.3f}, "
            f"{after:.3f} after",
            flush=True,
        )
    print(
        f"mean gain {np.mean(gains):.3f} (least {min(gains):.3f}); calibration error after: mean "
        f"{np.mean(errors):.3f}, most {max(errors):.3f}",
        flush=True,
    )


def print_verdicts(seeds: Sequence[int] = range(4)) -> None:
    networks = [
        trained_on(
            grains_of(synthetic_district(seed, 100, confounded=True), masked=True),
            dataclasses.replace(SESSION, seed=seed),
        )
        for seed in seeds
    ]
    n_covered, widths = covered(networks)
    print(
        f"95% intervals hold the truth in {n_covered} of {len(widths)} districts; "
        f"median width {np.median(widths):.2f}",
        flush=True,
    )


def main() -> None:
    parts = {"audit": print_audit, "masking": print_masking, "verdicts": print_verdicts}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
