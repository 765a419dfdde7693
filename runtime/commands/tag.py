"""lg-run tag: the words of texts get labels, such as parts of speech or named entities."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_TAGGER
from linguagen.models.errors import UsageError
from linguagen.runtime.commands.files import show_name
from linguagen.runtime.commands.options import DeviceOption, OverwriteOption, ThreadsOption
from linguagen.runtime.console import json_line, progress, say, show
from linguagen.runtime.encoders.tagger import Tagger
from linguagen.runtime.encoders.text_sources import READABLE_TEXTS, open_texts
from linguagen.runtime.reading.sources import STDIN
from linguagen.runtime.text.conllu import read_sentences, set_labels, words_of
from linguagen.runtime.text.tagged import TaggedText
from linguagen.runtime.writing.tags import FORMATS, format_name, tag_format
from linguagen.runtime.writing.whole_file import refuse_existing, replace_file, whole_output

_CONLLU, _BLOCK_SENTENCES = ".conllu", 1000


def tag(
    origin: Annotated[
        str | None, typer.Argument(metavar="[INPUT]", help=f"A folder, a file ({READABLE_TEXTS}, .conllu), or -.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text itself; its tags are printed as a line of JSON.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write, a pipe, or - for standard output; by default lines.tags.jsonl for lines.txt.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help=f"Format: {', '.join(FORMATS)} (json is displaCy's); by default the output's ending."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A tagger's name (lg-run models), or a file that lg-export wrote.")
    ] = DEFAULT_TAGGER,
    column: Annotated[str, typer.Option(help="Column that holds the texts of records and tables.")] = "text",
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Label the words of texts, or find named entities.

    Every tag has its place in the text, which is never altered. Files are read in blocks, so they may have any size,
    and an output appears only when it is whole. A .conllu file keeps its words and its other columns.

    Example: lg-run tag articles.txt -m linguagen-ner-en -o articles.html

    Example: lg-run tag --text "Tim Cook visited Kraków." -m linguagen-ner-en
    """
    kind = _chosen_format(origin, text, output, to)
    if origin is None:
        show(json_line([each._asdict() for each in _load(model, device, threads).tag(text)[0]]))
        return
    target = output or _default_output(origin, kind)
    refuse_existing(target, overwrite)
    tagger = _load(model, device, threads)
    parts = _tagged_conllu if _is_conllu(origin) else _tagged_texts
    with progress("tagging", None) as advance, whole_output(target) as path:
        written = parts(tagger, origin, column, kind, advance)
        replace_file(path, lambda file: file.writelines(part.encode("utf-8", "surrogatepass") for part in written))
    say(f"tagged with {tagger.manifest.name}")
    show_name(target)


def _chosen_format(origin: str | None, text: str | None, output: Path | None, to: str | None) -> str:
    """The format to write, by the options.

    Raises:
        UsageError: there is no such format, the input does not go with it, or options contradict each other.
    """
    if (text is None) == (origin is None):
        raise UsageError('expected a file of texts, or --text "a text", and not both')
    if text is not None and (output is not None or to is not None):
        raise UsageError("-o and --to are for files of texts, and the tags of --text are printed; leave them out")
    is_conllu = origin is not None and _is_conllu(origin)
    named = None if output is None or str(output) == STDIN else output
    kind = format_name(to, named, "conllu" if is_conllu else "jsonl")
    if is_conllu and kind != "conllu":
        raise UsageError(f"{origin} has words of its own, which {kind} does not keep; expected --to conllu")
    return kind


def _is_conllu(origin: str) -> bool:
    """True for a file of CoNLL-U, by its ending."""
    return Path(origin).suffix.lower() == _CONLLU


def _load(model: str, device: str, threads: int | None) -> Tagger:
    """Load the tagger."""
    return Tagger.load(model, device=device, threads=threads)


def _default_output(origin: str, kind: str) -> Path:
    """The output if none is named, such as lines.tags.jsonl for lines.txt.

    Raises:
        UsageError: the texts come from standard input, which has no name.
    """
    if origin == STDIN:
        raise UsageError("standard input has no name to call the output after; name it with -o")
    path = Path(origin)
    return path.with_name(f"{path.name.split('.')[0]}.tags.{kind}")


def _tagged_texts(tagger: Tagger, origin: str, column: str, kind: str, advance: Callable[[int], None]) -> Iterator[str]:
    """Yield the parts of a file with the tagged texts of another; advance is told the number of texts."""

    def tagged() -> Iterator[list[TaggedText]]:
        """Tag the texts block by block."""
        first = 0
        for block in open_texts(origin, column).blocks():
            yield tagger.tagged(block[:, 0].tolist(), first)
            first += len(block)
            advance(len(block))

    return tag_format(kind, tagger.manifest.labels).lines(each for some in tagged() for each in some)


def _tagged_conllu(
    tagger: Tagger, origin: str, _column: str, _kind: str, advance: Callable[[int], None]
) -> Iterator[str]:
    """Yield the sentences of a CoNLL-U file with the tagger's labels; advance is told the number of sentences."""
    sentences = read_sentences(origin)
    while some := list(islice(sentences, _BLOCK_SENTENCES)):
        labels = iter(tagger.tag_words([words for each in some if (words := words_of(each))]))
        for sentence in some:
            if words_of(sentence):
                set_labels(sentence, next(labels), tagger.manifest.scheme == "bio")
            yield "".join("\t".join(line) + "\n" for line in sentence) + "\n"
        advance(len(some))
