"""The card of a tagger: its manifest, for people."""

from linguagen.export.card_parts import card, facts, table
from linguagen.models.manifests.tagger import OUTSIDE, TaggerManifest
from linguagen.runtime.console import tagger_figure_rows


def render_card(manifest: TaggerManifest, size: int) -> str:
    """The card of a tagger, as Markdown.

    Args:
        manifest: what the file says about itself.
        size: bytes of the file.
    """
    names = sorted({label[2:] for label in manifest.labels if label != OUTSIDE}) if manifest.scheme == "bio" else []
    task = "Finds named entities in texts" if names else "Labels the words of texts"
    summary = (
        f"{task}, offline: {', '.join(names or manifest.labels)}. {manifest.precision}, {size / 1e6:.1f} MB"
        f"{', tokenizer included' if manifest.features.piece_columns else ''}."
    )
    rows = tagger_figure_rows(manifest.figures)
    sections = {
        "Figures on sentences held out of training": table(("figure", "tagger", "most frequent label", "CRF"), rows),
        "Training": [*([f"Texts: {manifest.sources}", ""] if manifest.sources else []), *facts(manifest.training)],
        "Export": facts(manifest.parity, "gate: "),
        "Limits": [
            "Labels are worse for other languages and kinds of text than those of the training sentences: train on "
            "your own with `lg-train tagger` if they are not good enough."
        ],
    }
    return card(manifest.name, summary, sections)
