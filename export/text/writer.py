"""From a finished run on text to a model file."""

from dataclasses import asdict
from pathlib import Path

from linguagen.export.publish import Draft, Exported
from linguagen.export.request import ExportRequest
from linguagen.export.text.graph import build_graph
from linguagen.export.text.verify import encode, verify
from linguagen.models.errors import UsageError
from linguagen.models.manifests.moments import EmbeddingMoments
from linguagen.models.manifests.text import TextManifest
from linguagen.models.model_file import tokenizer_metadata
from linguagen.train.text.finished import FinishedTextRun

_RECORDED = ("collection", "batch", "learning_rate", "token_dropout", "misspelt", "start_share", "seed")
"""Settings of a run that the manifest records, next to those of encoder and objective."""


def make_drafts(run: FinishedTextRun, request: ExportRequest) -> tuple[Draft[TextManifest], None]:
    """The model of a run on text, with its tokenizer inside; there is no decoder.

    Raises:
        UsageError: a teacher is named, but the run had none.
    """
    model = Draft(
        build_graph(run.network, request.precision),
        _manifest(run, request),
        lambda path: {"parity": verify(path, run, request.precision)},
        tokenizer_metadata(run.tokenizer.model),
    )
    return model, None


def summarise(_run: FinishedTextRun, exported: Exported[TextManifest]) -> list[str]:
    """What the gate found, and how to use the file: lines for the terminal."""
    parity = exported.manifest.parity
    return [
        f"checked on {parity['texts']} texts: mean cosine {parity['mean_cosine']:.5f} with PyTorch, "
        f"{parity['recall']:.3f} of its nearest neighbours; {exported.size / 1e6:.1f} MB",
        f'next: lg-run embed --text "some text" --model {exported.path}',
    ]


def _manifest(run: FinishedTextRun, request: ExportRequest) -> TextManifest:
    """The manifest before the gate has measured anything.

    Raises:
        UsageError: a teacher is named, but the run had none.
    """
    config = run.config
    if request.teacher_name and not config.targets:
        raise UsageError(f"--teacher-name is {request.teacher_name!r}, but the run had no teacher; leave it out")
    return TextManifest(
        name=request.name or run.name,
        teacher=request.teacher_name or Path(config.targets).name,
        pieces=run.tokenizer.pieces,
        output_dim=config.encoder.dim,
        precision=request.precision,
        embedding_moments=EmbeddingMoments.of(encode(run, run.samples)),
        sources=request.sources,
        training={
            "started_from": Path(config.init).name,
            **run.summary,
            **asdict(config.encoder),
            **asdict(config.objective),
            **{name: getattr(config, name) for name in _RECORDED},
            "steps": config.training_steps,
        },
        figures=run.figures,
    )
