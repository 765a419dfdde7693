"""The public evaluation sets of text, read from ../shared/text/eval."""

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Scored = tuple[list[str], list[str], list[float]]


@dataclass(frozen=True)
class Retrieval:
    """Queries, documents, and which documents answer which query."""

    queries: list[str]
    documents: list[str]
    relevant: list[set[int]]
    """For each query the numbers of its documents."""


@dataclass(frozen=True)
class Classes:
    """Texts with labels, to learn from and to be asked about."""

    train: tuple[list[str], list[str]]
    test: tuple[list[str], list[str]]


@dataclass(frozen=True)
class Misspellings:
    """Misspelt words, the right ones, and the words that they are looked for among."""

    wrong: list[str]
    right: list[int]
    """Numbers of the candidates."""
    candidates: list[str]


def scored_sets(folder: Path) -> dict[str, Scored]:
    """Pairs of sentences with people's scores."""
    return {
        "STS-B dev": _columns(folder / "stsb/stsb-en-dev.csv", ",", (0, 1, 2)),
        "STS-B test": _columns(folder / "stsb/stsb-en-test.csv", ",", (0, 1, 2)),
        "SICK-R": _columns(folder / "sick/SICK_test_annotated.txt", "\t", (1, 2, 3), head=1),
    }


def word_sets(folder: Path) -> dict[str, Scored]:
    """Pairs of words with people's scores."""
    names = {"SimLex": "SIMLEX-999", "WS-353": "WS-353-ALL", "MEN": "MEN-TR-3k", "RareWords": "RW-STANFORD"}
    where = folder / "word-similarity"
    return {name: _columns(where / f"EN-{file}.txt", "\t", (0, 1, 2)) for name, file in names.items()}


def retrieval_sets(folder: Path) -> dict[str, Retrieval]:
    """Collections of abstracts with questions."""
    return {"Cranfield": _cranfield(folder), "CISI": _cisi(folder), "PubMedQA": _pubmedqa(folder)}


def class_sets(folder: Path) -> dict[str, Classes]:
    """Short texts by intent, by sentiment, and questions by kind of answer."""
    banking = [_labelled(folder / f"banking77/{part}.csv", ",", head=1) for part in ("train", "test")]
    sst2 = [_labelled(folder / f"sst2/{part}.tsv", "\t") for part in ("train", "test")]
    trec = [_trec(folder / f"trec/TREC.{part}.all") for part in ("train", "test")]
    return {name: Classes(*parts) for name, parts in (("Banking77", banking), ("SST-2", sst2), ("TREC", trec))}


def misspellings(folder: Path, frequent: list[str], size: int = 10_000, seed: int = 0) -> Misspellings:
    """Wikipedia's and Aspell's misspellings and as many of Birkbeck's, single words, among `size` candidates.

    Args:
        folder: of the sets.
        frequent: words by frequency, the most frequent first; they fill the candidates up.
        size: of the candidates.
        seed: draws from Birkbeck's.
    """
    pairs = {name: _misspelt(folder / f"misspellings/{name}.dat") for name in ("wikipedia", "aspell", "missp")}
    drawn = np.random.default_rng(seed).permutation(len(pairs["missp"]))[:2000]
    chosen = [*pairs["wikipedia"], *pairs["aspell"], *(pairs["missp"][number] for number in drawn)]
    candidates = list(dict.fromkeys([*(right for right, _ in chosen), *frequent]))[:size]
    place = {word: number for number, word in enumerate(candidates)}
    return Misspellings([wrong for _, wrong in chosen], [place[right] for right, _ in chosen], candidates)


ACTORS = ("dog", "cat", "horse", "man", "woman", "child", "bird", "teacher", "doctor", "farmer")


def word_order() -> list[tuple[str, int, int]]:
    """Sentences of two actors and a deed, made by rule, each beside the one with its actors swapped.

    Returns:
        The sentence, the number of who acts, and of whom it is done to.
    """
    deeds = ("bites", "sees", "follows", "chases", "feeds")
    return [
        (f"the {ACTORS[a]} {deed} the {ACTORS[b]}", a, b)
        for a in range(len(ACTORS))
        for b in range(len(ACTORS))
        if a != b
        for deed in deeds
    ]


def _rows(path: Path, delimiter: str, head: int) -> list[list[str]]:
    """Cells of a file, without its first `head` lines; only files with commas quote their cells."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter, quoting=quoting))[head:]


def _columns(path: Path, delimiter: str, columns: tuple[int, int, int], head: int = 0) -> Scored:
    """First text, second text and score of a file with these columns."""
    rows = _rows(path, delimiter, head)
    first, second, score = columns
    return [row[first] for row in rows], [row[second] for row in rows], [float(row[score]) for row in rows]


def _labelled(path: Path, delimiter: str, head: int = 0) -> tuple[list[str], list[str]]:
    """Texts and labels, from the first two columns."""
    rows = _rows(path, delimiter, head)
    return [row[0].strip() for row in rows], [row[1] for row in rows]


def _trec(path: Path) -> tuple[list[str], list[str]]:
    """Questions and the kind of answer they ask for."""
    rows = [line.split(" ", 1) for line in path.read_text(encoding="latin-1").splitlines() if line.strip()]
    return [text for _, text in rows], [label for label, _ in rows]


def _cranfield(folder: Path) -> Retrieval:
    """Abstracts of aerodynamics; judgements count queries by their order, not by their number."""
    where = folder / "cranfield"
    found = re.findall(r"<docno>\s*(\d+).*?<text>(.*?)</text>", (where / "cran.all.1400.xml").read_text(), re.S)
    kept = {int(number): " ".join(text.split()) for number, text in found if text.strip()}
    place = {number: row for row, number in enumerate(kept)}
    queries = [
        " ".join(text.split())
        for text in re.findall(r"<title>(.*?)</title>", (where / "cran.qry.xml").read_text(), re.S)
    ]
    relevant: list[set[int]] = [set() for _ in queries]
    for line in (where / "cranqrel.trec.txt").read_text().splitlines():
        query, _, document, grade = map(int, line.split())
        if grade > 0 and document in place:
            relevant[query - 1].add(place[document])
    return _answered(queries, list(kept.values()), relevant)


def _cisi(folder: Path) -> Retrieval:
    """Abstracts of information science."""
    where = folder / "cisi"
    documents, queries = (_smart((where / f"CISI.{name}").read_text()) for name in ("ALL", "QRY"))
    place = {number: row for row, number in enumerate(documents)}
    relevant = defaultdict(set)
    for line in (where / "CISI.REL").read_text().splitlines():
        query, document = map(int, line.split()[:2])
        relevant[query].add(place[document])
    return _answered(list(queries.values()), list(documents.values()), [relevant[number] for number in queries])


def _smart(text: str) -> dict[int, str]:
    """Titles and texts of a SMART collection, by number."""
    found = {}
    for entry in re.split(r"^\.I ", text, flags=re.M)[1:]:
        number, _, rest = entry.partition("\n")
        parts = re.findall(r"^\.([TW])\n(.*?)(?=^\.[A-Z]\n|\Z)", rest, re.S | re.M)
        found[int(number)] = " ".join(" ".join(body for _, body in parts).split())
    return found


def _pubmedqa(folder: Path) -> Retrieval:
    """Abstracts of medicine; each answers one question."""
    entries = json.loads((folder / "pubmedqa/ori_pqal.json").read_text()).values()
    documents = [" ".join(entry["CONTEXTS"]) for entry in entries]
    return Retrieval([entry["QUESTION"] for entry in entries], documents, [{row} for row in range(len(documents))])


def _answered(queries: list[str], documents: list[str], relevant: list[set[int]]) -> Retrieval:
    """A collection with only those queries that some document answers."""
    kept = [row for row, answers in enumerate(relevant) if answers]
    return Retrieval([queries[row] for row in kept], documents, [relevant[row] for row in kept])


def _misspelt(path: Path) -> list[tuple[str, str]]:
    """Right and wrong spelling, from a file where `$right` is followed by its misspellings."""
    pairs, right = [], ""
    for line in path.read_text(encoding="utf-8", errors="replace").split():
        if line.startswith("$"):
            right = line[1:]
        elif "_" not in line + right:
            pairs.append((right.lower(), line.lower()))
    return [(right, wrong) for right, wrong in pairs if right != wrong]
