"""The command that shows the whole job."""

from pathlib import Path
from typing import Annotated

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import Json
from napari_zircon_cnn.cli.output import end, print_verdicts, progress_bar


@app.command(epilog="Example: `zircon-cnn demo -o demo`")
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all that is made.")] = Path(
        "zircon-demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed draws other mounts.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Show the whole job on synthetic mounts: draw, segment, train, classify, report."""
    from napari_zircon_cnn.jobs.demo import run_demo

    with progress_bar() as progress:
        result = run_demo(output, seed, progress)
    print_verdicts(result.verdicts.to_dict("records"))
    overall = result.evaluation["overall"]
    typer.echo(
        f"On {overall['n']} grains of samples that it never saw, the network is right for "
        f"{overall['accuracy']:.0%} (ROC-AUC {overall['roc_auc']:.2f})."
    )
    end(
        f"Report: {result.report}",
        {
            "report": str(result.report),
            "verdicts": result.verdicts.to_dict("records"),
            "evaluation": result.evaluation,
        },
        as_json,
    )
