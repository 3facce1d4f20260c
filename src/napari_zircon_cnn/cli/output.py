"""What a command shows: its progress, its figures and its last line."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from napari_zircon_cnn.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a progress callback that draws a bar on a terminal and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from tqdm import tqdm

    with tqdm(total=1.0, bar_format="{percentage:3.0f}% |{bar:24}| {desc}", leave=False) as bar:

        def show(fraction: float, message: str) -> None:
            bar.set_description_str(message, refresh=False)
            bar.update(fraction - bar.n)

        yield show


def print_verdicts(rows: Sequence[Mapping[Any, Any]]) -> None:
    """Print the verdict on each sample, one row of the verdicts a line."""
    from napari_zircon_cnn.verdicts import caveat_of

    for row in rows:
        typer.echo(f"{row['sample']}: {_verdict_sentence(row)}")
    typer.echo(caveat_of(max((row["n_spread_samples"] for row in rows), default=0)))


def _verdict_sentence(row: Mapping[Any, Any]) -> str:
    if not row["n_grains"]:
        return f"{row['verdict']} (it has no grain that counts)"
    # One grain has no interval.
    known = not math.isnan(row["low"])
    interval = f", 95% interval {row['low']:.2f} to {row['high']:.2f}" if known else ""
    return (
        f"{row['verdict']} (mean {row['target_class']} probability {row['mean_probability']:.2f}{interval}, "
        f"{row['share_above_half']:.0%} of {row['n_grains']} grains above 0.5)"
        + (f"; {row['n_unlike']} of them unlike any seen in training" if row["n_unlike"] else "")
        + ("; trained on this sample" if row["in_training"] else "")
    )


def print_figures(
    name: str, figures: Mapping[str, Any], beside: Mapping[str, Mapping[str, Any] | None] | None = None
) -> None:
    """Print figures of merit, as `metrics.evaluation` returns them, with those of baselines below."""
    auc = figures["roc_auc"]
    # Without both classes there is no ROC curve.
    shown = "" if auc is None or auc != auc else f", ROC-AUC {auc:.2f}"  # noqa: PLR0124 - NaN
    typer.echo(
        f"{name}: {figures['n']} grains, accuracy {figures['accuracy']:.2f} "
        f"({figures['accuracy_low']:.2f} to {figures['accuracy_high']:.2f}), "
        f"loss {figures['loss']:.2f}{shown}"
    )
    for baseline, its_figures in (beside or {}).items():
        if its_figures:
            print_figures(f"    {baseline}", its_figures)


def print_trials(table: "pd.DataFrame") -> None:
    """Print the figures of many trainings, the mean over those that differ in their seed only."""
    from napari_zircon_cnn.jobs.trials import means_of

    for row in means_of(table):
        typer.echo(
            f"{row['name']}: {row['n_grains']:.0f} grains, accuracy {row['accuracy']:.2f}, "
            f"loss {row['loss']:.2f}, ROC-AUC {row['roc_auc']:.2f}"
            + (f" ± {row['spread']:.2f}" if row["trainings"] > 1 else "")
        )


def end(sentence: str, found: Mapping[str, Any], as_json: bool) -> None:
    """End a command: print its sentence and, if asked for, what it found as one line of JSON."""
    if sentence:
        typer.echo(sentence)
    if as_json:
        from pydantic_core import to_json

        typer.echo(to_json(found, inf_nan_mode="null").decode())
