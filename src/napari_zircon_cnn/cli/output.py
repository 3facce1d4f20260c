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
        f"loss {figures['loss']:.2f}{shown}, Brier {figures['brier']:.2f}, ECE {figures['ece']:.2f}"
    )
    for baseline, its_figures in (beside or {}).items():
        if its_figures:
            print_figures(f"    {baseline}", its_figures)


def print_trials(table: "pd.DataFrame") -> None:
    """Print the figures of many trainings and of what they must beat, the means over seeds."""
    from napari_zircon_cnn.jobs.trials import means_of

    for row in means_of(table):
        typer.echo(
            f"{row['network']}, {row['name']}: {row['n_grains']:.0f} grains, accuracy {row['accuracy']:.2f}, "
            f"loss {row['loss']:.2f}, ROC-AUC {row['roc_auc']:.2f}"
            + (f" ± {row['spread']:.2f}" if row["trainings"] > 1 else "")
        )


def print_side_by_side(table: "pd.DataFrame") -> None:
    """Print the figures over grains beside those over whole samples; see `divisions.side_by_side`."""
    ways = [over for over in ("grains", "samples") if (table["over"] == over).any()]
    names = {"grains": "over grains", "samples": "over whole samples"}
    typer.echo(f"{'':16}" + "".join(f"{_heading(table, over, names[over]):54}" for over in ways).rstrip())
    for by in dict.fromkeys(table["by"]):
        rows = table[table["by"] == by].set_index("over")
        cells = [f"{_cell(rows.loc[over]):54}" for over in ways if over in rows.index]
        typer.echo(f"{by:16}" + "".join(cells).rstrip())
    typer.echo("±: standard deviation between folds / between seeds. ECE: expected calibration error.")


def _heading(table: "pd.DataFrame", over: str, name: str) -> str:
    row = table[table["over"] == over].iloc[0]
    folds = "a random split" if row["folds"] == 1 else f"{row['folds']} folds"
    return f"{name}: {folds}, {row['repeats']} times" if row["repeats"] > 1 else f"{name}: {folds}"


def _cell(row: Any) -> str:
    """Return ROC-AUC and accuracy with their spreads, and the calibration error."""
    parts = []
    for key, name in (("roc_auc", "AUC"), ("accuracy", "acc.")):
        spreads = [_shown(row[f"{key}_between_{of}"]) for of in ("folds", "seeds")]
        parts.append(f"{name} {_shown(row[key])} ±{'/'.join(spreads)}")
    return "  ".join([*parts, f"ECE {_shown(row['ece'])}"])


def print_audit(table: "pd.DataFrame") -> None:
    """Print what is left of a network's figures on each view of the grains."""
    typer.echo(f"{'ROC-AUC':20}{'known samples':>16}{'only shown it':>16}{'new samples (95%)':>26}")
    for row in table.to_dict("records"):
        interval = "" if math.isnan(row["new"]) else f" ({row['new_low']:.2f} to {row['new_high']:.2f})"
        new = f"{_shown(row['new'])}{interval}"
        typer.echo(f"{row['view']:20}{_shown(row['known']):>16}{_shown(row['shown']):>16}{new:>26}")


def _shown(figure: float) -> str:
    return "-" if math.isnan(figure) else f"{figure:.2f}"


def end(sentence: str, found: Mapping[str, Any], as_json: bool) -> None:
    """End a command: print its sentence and, if asked for, what it found as one line of JSON."""
    if sentence:
        typer.echo(sentence)
    if as_json:
        from pydantic_core import to_json

        typer.echo(to_json(found, inf_nan_mode="null").decode())
