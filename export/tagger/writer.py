"""From a finished run of a tagger to a model file."""

from dataclasses import asdict, replace
from pathlib import Path

from linguagen.export.publish import Draft, Exported
from linguagen.export.request import ExportRequest
from linguagen.export.tagger.graph import build_graph
from linguagen.export.tagger.verify import verify
from linguagen.models.manifests.tagger import TaggerManifest
from linguagen.models.model_file import tokenizer_metadata
from linguagen.train.tagger.finished import FinishedTaggerRun
from linguagen.train.tagger.labelling import bare_manifest

_RECORDED = ("loss", "steps", "batch", "learning_rate", "weight_decay", "word_dropout", "seed")
"""Settings of a run that the manifest records, next to those of the encoder."""


def make_drafts(run: FinishedTaggerRun, request: ExportRequest) -> tuple[Draft[TaggerManifest], None]:
    """The model of a tagger's run, with its tokenizer inside; there is no decoder."""
    tokenizer, manifest = run.reader.tokenizer, _manifest(run, request)
    model = Draft(
        build_graph(run.network, request.precision),
        manifest,
        lambda path: {"parity": verify(path, run, manifest)},
        tokenizer_metadata(tokenizer.model) if tokenizer else {},
    )
    return model, None


def summarise(_run: FinishedTaggerRun, exported: Exported[TaggerManifest]) -> list[str]:
    """What the gate found, and how to use the file: lines for the terminal."""
    parity = exported.manifest.parity
    return [
        f"checked on {parity['sentences']} sentences: {parity['same_labels']:.4f} of the labels are PyTorch's; "
        f"{exported.size / 1e6:.1f} MB",
        f'next: lg-run tag --text "Tim Cook visited Paris." --model {exported.path}',
    ]


def _manifest(run: FinishedTaggerRun, request: ExportRequest) -> TaggerManifest:
    """The manifest before the gate has measured anything."""
    config = run.config
    training = {
        "data": ", ".join(Path(name).name for name in config.inputs),
        "started_from": Path(config.init).name,
        **run.summary,
        **asdict(config.encoder),
        **{name: getattr(config, name) for name in _RECORDED},
    }
    return replace(
        bare_manifest(run.network, run.labels, run.scheme, run.transitions),
        name=request.name or run.name,
        precision=request.precision,
        sources=request.sources,
        figures=run.figures,
        training=training,
    )
