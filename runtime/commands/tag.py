"""lg-run tag: the words of texts get labels, such as parts of speech or named entities."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from linguagen.models.catalogue import DEFAULT_TAGGER
from linguagen.models.errors import TextError, UsageError
from linguagen.runtime.commands.files import show_name
from linguagen.runtime.commands.options import DeviceOption, OverwriteOption, ThreadsOption
from linguagen.runtime.console import json_line, progress, say, show
from linguagen.runtime.encoders.tagger import Tagger
from linguagen.runtime.encoders.text_sources import READABLE_TEXTS, open_texts
from linguagen.runtime.reading.sources import STDIN
from linguagen.runtime.text.lines import numbered_lines
from linguagen.runtime.text.tagged import TaggedText
from linguagen.runtime.writing.tags import FORMATS, format_name, misc_with_entity, tag_format
from linguagen.runtime.writing.whole_file import refuse_existing, replace_file, whole_output

_CONLLU, _COLUMNS, _BLOCK_SENTENCES = ".conllu", 10, 1000
_FORM, _UPOS, _MISC = 1, 3, 9
"""Columns of CoNLL-U: the word, its part of speech, and everything else."""

Sentence = list[list[str]]
"""The lines of a sentence of CoNLL-U, each cut into its columns; a comment is one."""


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
    sentences = _read_conllu(origin)
    while some := list(islice(sentences, _BLOCK_SENTENCES)):
        labels = iter(tagger.tag_words([words for each in some if (words := _words(each))]))
        for sentence in some:
            if _words(sentence):
                _set_labels(sentence, next(labels), tagger.manifest.scheme == "bio")
            yield "".join("\t".join(line) + "\n" for line in sentence) + "\n"
        advance(len(some))


def _read_conllu(origin: str) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file.

    Raises:
        TextError: a line has not ten columns or no word, by its number; or the file has no word or cannot be read.
    """
    held: Sentence = []
    words = 0
    for number, line in numbered_lines(origin):
        if not line.strip():
            if held:
                yield held
            held = []
            continue
        columns = [line] if line.startswith("#") else line.split("\t")
        if len(columns) not in (1, _COLUMNS) or (len(columns) == 1 and not line.startswith("#")):
            raise TextError(f"{origin}, line {number}: {len(columns)} columns, expected the 10 of CoNLL-U")
        if _is_word(columns):
            words += 1
            if not columns[_FORM].strip():
                raise TextError(f"{origin}, line {number}: its word is empty, expected one in the second column")
        held.append(columns)
    if held:
        yield held
    if not words:
        raise TextError(f"{origin} is empty, expected at least one word")


def _is_word(line: list[str]) -> bool:
    """True for a word; comments, ranges such as 1-2 and empty nodes such as 1.1 are none."""
    return len(line) == _COLUMNS and line[0].isdigit()


def _words(sentence: Sentence) -> list[str]:
    """The words of a sentence."""
    return [line[_FORM] for line in sentence if _is_word(line)]


def _set_labels(sentence: Sentence, labels: Iterable[str], entities: bool) -> None:
    """Write labels into a sentence: entities into the last column, parts of speech into their own."""
    for line, label in zip(filter(_is_word, sentence), labels, strict=True):
        if entities:
            line[_MISC] = misc_with_entity(line[_MISC], label)
        else:
            line[_UPOS] = label
