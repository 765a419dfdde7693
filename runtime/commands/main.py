"""lg-run: every command, in the order in which people use them."""

from typing import Annotated

from linguagen.runtime.commands.demo import demo
from linguagen.runtime.commands.embed import embed
from linguagen.runtime.commands.evaluate import evaluate, sample
from linguagen.runtime.commands.files import compress, expand
from linguagen.runtime.commands.index import index
from linguagen.runtime.commands.models import bench, info, models
from linguagen.runtime.commands.report import report
from linguagen.runtime.commands.search import search
from linguagen.runtime.commands.serve import serve
from linguagen.runtime.commands.tag import tag
from linguagen.runtime.commands.text import evaluate_text
from linguagen.runtime.console import new_app, run_app, version_option

app = new_app("Compress vectors and embed text with a LinguaGEN model: numpy and onnxruntime, no network.")


@app.callback()
def options(version: Annotated[bool, version_option("lg-run")] = False) -> None:
    """Accept the options that stand before any command."""


for command in (
    compress,
    expand,
    embed,
    tag,
    index,
    search,
    evaluate,
    evaluate_text,
    report,
    sample,
    bench,
    info,
    models,
    serve,
    demo,
):
    app.command()(command)


def main() -> None:
    """Entry point of `lg-run`."""
    run_app(app)
