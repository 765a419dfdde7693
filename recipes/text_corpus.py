"""Make the corpus and the natural pairs that the shipped text model is trained on, from corpora with open licences.

    python -m recipes.text_corpus TEXT_FOLDER OUT_FOLDER

writes OUT_FOLDER/corpus.txt, one text per line, shuffled, none twice, and OUT_FOLDER/pairs.tsv, two texts per line that
share a meaning or a place. Sources and licences stand in recipes/text_sources.txt and on the model's card.
"""

import itertools
import lzma
import random
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import typer

_SENTENCE_END = re.compile(r"(?<=[.!?][\"\u201d\u2019')])\s+|(?<=[.!?])\s+(?=[\"\u201c\u2018'(]?[A-Z0-9])")
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|vs|e\.g|i\.e|etc|Fig|No|Prof|Jr|Sr|[A-Z])\.$")
_SHORTEST, _LONGEST = 3, 80  # words
_PARAGRAPHS = 15_000
_PAIRS_OF_A_SOURCE = 40_000
_LONG = 40
"""Words from which a text is always taken: documents are long, and most other texts are words and phrases."""

Pair = tuple[str, str]


def main(text_folder: Path, out_folder: Path, most: int = 350_000, seed: int = 0) -> None:
    """Write corpus.txt and pairs.tsv.

    Args:
        text_folder: the corpora.
        out_folder: gets both files.
        most: texts in corpus.txt at most.
        seed: of the order and of what is drawn.
    """
    generator, corpus = random.Random(seed), text_folder / "corpus"
    sources = [openstax(corpus), wordnet(corpus), gutenberg(corpus), wiki_split(text_folder / "pairs")]
    pairs = [list(dict.fromkeys(source)) for source in sources]
    paragraphs = list(openstax_paragraphs(corpus))
    texts = gather_texts(corpus, pairs, paragraphs, generator)
    chosen = gather_pairs(corpus, pairs, generator)
    long = dict.fromkeys([text for text in texts if len(text.split()) >= _LONG] + paragraphs)
    kept = [*long, *(text for text in texts if text not in long)][:most]
    out_folder.mkdir(parents=True, exist_ok=True)
    (out_folder / "corpus.txt").write_text("".join(f"{text}\n" for text in kept), encoding="utf-8")
    (out_folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in chosen), encoding="utf-8")
    typer.echo(
        f"{len(kept)} texts, {len(long)} of them long (paragraphs, and {_LONG} words or more), {len(chosen)} pairs"
    )


def gather_texts(corpus: Path, pairs: list[list[Pair]], paragraphs: list[str], generator: random.Random) -> list[str]:
    """Every text once, shuffled: sentences, both halves of the pairs, and a draw of paragraphs."""
    texts = [*common_voice(corpus), *wikitext(corpus)]
    texts += (text for source in pairs for pair in source for text in pair)
    texts += generator.sample(paragraphs, _PARAGRAPHS)
    texts = list(dict.fromkeys(texts))
    generator.shuffle(texts)
    return texts


def gather_pairs(corpus: Path, pairs: list[list[Pair]], generator: random.Random) -> list[Pair]:
    """A draw of each source's pairs, and what belongs together inside textbooks, shuffled."""
    chosen = [pair for source in pairs for pair in generator.sample(source, min(len(source), _PAIRS_OF_A_SOURCE))]
    chosen += (pair for paragraph in openstax_paragraphs(corpus) for pair in parts_of(paragraph, generator))
    chosen += titled_paragraphs(corpus)
    generator.shuffle(chosen)
    return chosen


def sentences(paragraph: str) -> list[str]:
    """Sentences of running text, by punctuation; an abbreviation does not end one."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(paragraph):
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return [clean for piece in found if _SHORTEST <= len((clean := squeeze(piece)).split()) <= _LONGEST]


def squeeze(text: str) -> str:
    """One line, single spaces."""
    return " ".join(text.split())


def neighbours(paragraph: str) -> Iterator[Pair]:
    """Each sentence with the one after it."""
    found = sentences(paragraph)
    return itertools.pairwise(found)


def common_voice(corpus: Path) -> Iterator[str]:
    """Sentences that were read aloud."""
    return (squeeze(line) for line in _lines(corpus / "commonvoice-en.txt.xz"))


def wikitext(corpus: Path) -> Iterator[str]:
    """Sentences of encyclopaedia articles, their tokenisation undone."""
    for name in ("valid", "test"):
        for line in _lines(corpus / f"wikitext2-{name}.txt.xz"):
            if "<unk>" not in line and not line.strip().startswith("="):
                yield from sentences(undo_tokens(line))


def undo_tokens(line: str) -> str:
    """Text of a tokenised corpus as people write it."""
    line = re.sub(r" @([-,.])@ ", r"\1", line).replace("''", '"').replace("``", '"')
    return re.sub(r"\( ", "(", re.sub(r" ([,.;:!?)]|'s|n't|'re|'ve|'ll)", r"\1", line))


def openstax_paragraphs(corpus: Path) -> Iterator[str]:
    """Paragraphs of textbooks."""
    for line in _lines(corpus / "openstax.tsv.xz"):
        paragraph = squeeze(line.rstrip("\n").split("\t")[3])
        if 30 <= len(paragraph.split()) <= 150:
            yield paragraph


def parts_of(paragraph: str, generator: random.Random) -> Iterator[Pair]:
    """A sentence of a paragraph with the rest of it: the inverse cloze task (arXiv 1906.00300, section 4)."""
    found = sentences(paragraph)
    if len(found) >= 3:
        place = generator.randrange(len(found))
        yield found[place], " ".join(found[:place] + found[place + 1 :])


def titled_paragraphs(corpus: Path) -> Iterator[Pair]:
    """Headings of textbooks with a whole paragraph below them."""
    for line in _lines(corpus / "openstax.tsv.xz"):
        _, section, heading, paragraph = line.rstrip("\n").split("\t")
        if (title := squeeze(f"{section} {heading}")) and len(paragraph.split()) >= 30:
            yield title, squeeze(paragraph)


def openstax(corpus: Path) -> Iterator[Pair]:
    """Headings of textbooks with a paragraph's first sentence, and neighbouring sentences."""
    for line in _lines(corpus / "openstax.tsv.xz"):
        _, section, heading, paragraph = line.rstrip("\n").split("\t")
        found = sentences(paragraph)
        if found and (title := squeeze(f"{section} {heading}")):
            yield title, found[0]
        yield from itertools.pairwise(found)


def wordnet(corpus: Path) -> Iterator[Pair]:
    """Words with their definition, and with an example sentence if there is one."""
    for line in _lines(corpus / "wordnet-glosses.tsv.xz"):
        _, lemmas, gloss = line.rstrip("\n").split("\t")
        definition, *examples = gloss.split('; "')
        for lemma in lemmas.split("; "):
            yield lemma, definition
        if examples:
            yield definition, examples[0].strip('" ')


def gutenberg(corpus: Path) -> Iterator[Pair]:
    """Neighbouring sentences of books."""
    with tarfile.open(corpus / "gutenberg.tar.xz") as archive:
        for member in archive.getmembers():
            if member.name.endswith(".txt") and (file := archive.extractfile(member)):
                for paragraph in re.split(r"\n\s*\n", file.read().decode("utf-8", "replace")):
                    yield from neighbours(paragraph)


def wiki_split(pairs: Path) -> Iterator[Pair]:
    """Long sentences with the two that say the same."""
    for name in ("tune", "validation", "test"):
        for line in _lines(pairs / "wiki-split" / f"{name}.tsv.xz"):
            whole, parts = line.rstrip("\n").split("\t")
            yield squeeze(undo_tokens(whole)), squeeze(undo_tokens(parts.replace("<::::>", " ")))


def _lines(path: Path) -> Iterator[str]:
    """Lines of a packed file."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        yield from file


if __name__ == "__main__":
    typer.run(main)
