"""``codeindex export``: makes a bundle that serves on CPU without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from codeindex.cli.options import json_option
from codeindex.cli.session import Session, pass_session


@click.command(
    epilog="Example: codeindex export checkpoints/code_encoder/best_model.pt -o my-encoder/"
)
@click.argument("checkpoint")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="Folder to write.",
)
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp32"]),
    default="int8",
    show_default=True,
    help="int8: smaller and faster, checked; fp32: exact.",
)
@click.option(
    "--min-recall-ratio",
    type=click.FloatRange(0, 1),
    default=0.995,
    show_default=True,
    help="Least share of PyTorch's MRR, or ranking, to keep.",
)
@click.option(
    "--check-pairs",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Pairs to check with. Default: Python's library.",
)
@click.option(
    "--check-limit",
    type=click.IntRange(min=20),
    metavar="N",
    help="How many. Default: by the model's size, up to 1000.",
)
@click.option(
    "--hubness",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Pairs it was trained on: hold back what is near to every question.",
)
@click.option("--no-optimize", is_flag=True, help="Do not fuse attention, GELU and norms.")
@click.option(
    "--opset", type=click.IntRange(17, 20), default=18, show_default=True, help="Of ONNX."
)
@click.option(
    "--pooling",
    type=click.Choice(["auto", "cls", "mean"]),
    default="auto",
    show_default=True,
    help="auto: what the model says, else cls.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=0),
    default=0,
    help="Tokens read; default: what the model says, or 512.",
)
@click.option("--licence", default="", help="Licence of the model, if its card does not say.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@json_option
@pass_session
def export(session: Session, /, checkpoint: str, output: Path, **given: Any) -> None:
    """Make an encoder bundle of CHECKPOINT: a .pt of codeindex train, a model folder or a Hub name.

    The bundle is an ONNX model with pooling and normalisation inside, its tokenizer and a model
    card. It serves on CPU without PyTorch, and sentence-transformers and fastembed load it, too.
    Of a cross-encoder, a model for sequence classification with one label, it is a reranker's.

    Before it is written, it is compared with PyTorch on pairs of text and code. Where int8 loses
    too much, layers stay in fp32, those first that lose the most. If that does not help either,
    there is no bundle, and the exit code is 1.

    With --hubness, the bundle learns from pairs which texts are near to every question, and takes
    from their scores (CSLS): most encoders find more so. It must find more on the pairs that it
    is checked with.

    Serve it: codeindex index PATH --encoder onnx -E path=BUNDLE, or a reranker by codeindex
    search QUERY --reranker cross-encoder -R path=BUNDLE
    """
    from codeindex_torch.cross_encoder.loading import cross_encoder_folder
    from codeindex_torch.cross_encoder.run import export_cross_encoder
    from codeindex_torch.export.graphs import GateFailedError
    from codeindex_torch.export.options import ExportOptions
    from codeindex_torch.export.run import export as run

    as_json = given.pop("as_json")
    optimize = not given.pop("no_optimize")
    given["check_limit"] = given["check_limit"] or 0
    options = ExportOptions(optimize=optimize, **given)
    try:
        folder = cross_encoder_folder(checkpoint)
        if folder is not None:
            if options.hubness is not None:
                raise click.UsageError("--hubness is of encoders; this is a reranker")
            report = export_cross_encoder(
                folder, checkpoint, output, options, session.host, session.say
            )
        else:
            report = run(checkpoint, output, options, session.host, session.say)
    except GateFailedError as error:
        click.echo(f"error: {error}", err=True)
        click.get_current_context().exit(1)
    if as_json:
        click.echo(json.dumps({"output": str(output), **report}))
    elif folder is not None:
        _print_reranker(output, report)
    else:
        _print(output, report)


def _print(output: Path, report: dict[str, Any]) -> None:
    quality, speeds = report["quality"], report["texts_per_second"]
    texts = quality["texts"]
    click.echo(f"bundle     {output}: {report['precision']}, {report['bytes'] / 1e6:.1f} MB")
    for name, tower in report["towers"].items():
        kept = tower["recipe"].get("fp32_layers", [])
        if kept:
            click.echo(
                f"in fp32    {len(kept)} of {tower['layers']} layers ({name}): {', '.join(kept)}"
            )
    click.echo(
        f"cosine     mean {texts['mean']:.5f}, 1% below {texts['q01']:.5f}, lowest"
        f" {texts['min']:.5f} ({texts['count']:,.0f} texts, against PyTorch)"
    )
    names = {"mrr": "MRR", "recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10"}
    metrics = ", ".join(
        f"{label} {quality['onnx'][key]:.3f} ({quality['ratio'].get(key, 1.0):.1%})"
        for key, label in names.items()
    )
    click.echo(f"retrieval  {metrics}; in brackets: share of PyTorch's")
    click.echo(
        f"checked on {quality['torch']['pool']:,} pairs of {report['checked_with']}:"
        f" {quality['task']}"
    )
    if "hubness" in report:
        mrr = report["hubness"]["mrr"]
        click.echo(
            f"hubness    MRR of text to code {mrr['off']:.3f} without it, {mrr['on']:.3f} with it"
        )
    fast = ", ".join(f"{name} {value:.1f}" for name, value in speeds.items())
    gains = ", ".join(f"{value:.1f}× {name}" for name, value in report["times_as_fast_as"].items())
    click.echo(f"speed      texts/s: {fast}; {gains}")
    click.echo(f"next       codeindex index PATH --encoder onnx -E path={output}")


def _print_reranker(output: Path, report: dict[str, Any]) -> None:
    quality, found = report["quality"], report["quality"]["found"]
    click.echo(f"bundle     {output}: {report['precision']}, {report['bytes'] / 1e6:.1f} MB")
    kept = report["recipe"].get("fp32_layers", [])
    if kept:
        click.echo(f"in fp32    {len(kept)} of {report['layers']} layers: {', '.join(kept)}")
    click.echo(
        f"ranking    NDCG {quality['gain']:.4f} with PyTorch's scores as gains; its best"
        f" {quality['first']:.1%}, pairs in its order {quality['order']:.1%}"
    )
    click.echo(
        f"retrieval  MRR {found['onnx']:.3f}, PyTorch {found['torch']:.3f}; {quality['queries']:,}"
        f" queries with {quality['candidates']} candidates of {report['checked_with']}"
    )
    speeds = report["pairs_per_second"].items()
    click.echo("speed      pairs/s: " + ", ".join(f"{name} {value:.1f}" for name, value in speeds))
    click.echo(f"next       codeindex search QUERY --reranker cross-encoder -R path={output}")
