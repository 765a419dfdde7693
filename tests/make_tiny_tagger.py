"""Make tiny real taggers that the tests use: a graph that reads each word with its two neighbours, solved by least squares.

python tests/make_tiny_tagger.py FOLDER
"""

import itertools
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from linguagen.export.graph.builder import Builder
from linguagen.export.graph.model import IR_VERSION, OPSET, with_manifest
from linguagen.models.manifests.tagger import (
    FEATURES_NAME,
    SCORES_NAME,
    HashedFeature,
    TaggerFigure,
    TaggerManifest,
    WordFeatures,
)
from linguagen.models.model_file import tokenizer_metadata
from linguagen.runtime.text.tokenizer import Tokenizer
from linguagen.runtime.text.word_features import WordReader
from linguagen.train.text.tokenizer import train_tokenizer

WIDTH, WINDOW, OVERLAP = 96, 32, 4
HASHED = (HashedFeature("form", 512), HashedFeature("suffix", 64, 2), HashedFeature("shape", 64))
PEOPLE = ("Tim Cook", "Ada Lovelace", "Kim", "Marie Curie", "Jean-Luc Picard", "O'Connell")
PLACES = ("Kraków", "Paris", "New York", "北京", "Rio de Janeiro")
TAGS = {"visited": "VERB", "left": "VERB", "and": "CCONJ", ".": "PUNCT", "never": "ADV", "again": "ADV", ",": "PUNCT"}
Sentence = list[tuple[str, str, str]]
"""Words, each with its part of speech and its label of the scheme bio."""


def tiny_sentences() -> list[Sentence]:
    """Sentences of people who visit places, all different."""
    found = []
    for person, place, verb in itertools.product(PEOPLE, PLACES, ("visited", "left", "never visited")):
        ends = ((".",), ("again", "."), (",", "and", "Kim", "left", "."))
        for end in ends:
            parts = [
                (person, "PER"),
                (verb, ""),
                (place, "LOC"),
                *((each, "PER" if each == "Kim" else "") for each in end),
            ]
            found.append([word for text, kind in parts for word in labelled(text, kind)])
    return found


def labelled(text: str, kind: str) -> Sentence:
    """The words of a part of a sentence; `kind` is that of the entity, empty for none."""
    words = text.replace("-", " - ").split()
    names = [("B-" if number == 0 else "I-") + kind if kind else "O" for number in range(len(words))]
    return [
        (word, TAGS.get(word, "PROPN" if word != "-" else "PUNCT"), name)
        for word, name in zip(words, names, strict=True)
    ]


def make_taggers(folder: Path) -> dict[str, Path]:
    """A tagger of parts of speech that reads pieces, and one of names that does not: keys pos, ner."""
    gold = tiny_sentences()
    model = train_tokenizer([" ".join(word for word, _, _ in sentence) for sentence in gold], 320, 0)
    pos, ner = Tokenizer(model, "tiny"), None
    return {
        "pos": make_tagger(folder / "pos.onnx", gold, 1, pos),
        "ner": make_tagger(folder / "ner.onnx", gold, 2, ner),
    }


def make_tagger(path: Path, gold: list[Sentence], column: int, tokenizer: Tokenizer | None) -> Path:
    """Solve a tagger for one column of the sentences, and write its file."""
    labels = sorted({word[column] for sentence in gold for word in sentence}, key=lambda label: (label != "O", label))
    features = WordFeatures(tokenizer.pieces, 4, HASHED) if tokenizer else WordFeatures(1, 0, HASHED)
    table = np.random.default_rng(1).standard_normal((features.rows, WIDTH)).astype(np.float32)
    table[0] = 0
    weights = solve(gold, column, labels, WordReader(features, tokenizer), table)
    manifest = TaggerManifest(
        name=path.stem,
        teacher="",
        output_dim=len(labels),
        precision="float32",
        labels=tuple(labels),
        scheme="bio" if column == 2 else "tags",
        features=features,
        window=WINDOW,
        overlap=OVERLAP,
        sources="sentences of this file",
        figures=(TaggerFigure("accuracy on its own sentences", 1.0, 0.75),),
    )
    extra = tokenizer_metadata(tokenizer.model) if tokenizer else {}
    path.write_bytes(with_manifest(graph(table, weights), manifest, extra)[0])
    return path


def solve(gold: list[Sentence], column: int, labels: list[str], reader: WordReader, table: np.ndarray) -> np.ndarray:
    """Weights (3 WIDTH + 1, labels) from a word's vector and its neighbours' to 8 for its label and 0 for others."""
    inputs, targets = [], []
    for sentence in gold:
        vectors = table[reader.rows([word for word, _, _ in sentence])].mean(axis=1)
        edge = np.zeros((1, WIDTH), np.float32)
        ones = np.ones((len(sentence), 1), np.float32)
        inputs.append(np.hstack([np.vstack([edge, vectors[:-1]]), vectors, np.vstack([vectors[1:], edge]), ones]))
        targets.append(8.0 * np.array([[word[column] == label for label in labels] for word in sentence]))
    x, y = np.vstack(inputs).astype(np.float64), np.vstack(targets)
    return np.linalg.solve(x.T @ x + 0.05 * np.eye(x.shape[1]), x.T @ y).astype(np.float32)


def graph(table: np.ndarray, weights: np.ndarray):
    """The model without its manifest."""
    build = Builder()
    gathered = build.node("Gather", [build.constant("table", table), FEATURES_NAME], "gathered")
    words = build.node("ReduceMean", [gathered, build.constant("columns", np.array([2]))], "words", keepdims=0)
    one = build.constant("one", np.array([1]))
    parts = []
    for name, pads, start, end in (("before", [1, 0], 0, -1), ("after", [0, 1], 1, 2**31)):
        padded = build.node("Pad", [words, build.constant(f"{name}_pads", np.array(pads)), "", one], f"{name}_padded")
        ends = [build.constant(f"{name}_{key}", np.array([value])) for key, value in (("start", start), ("end", end))]
        parts.append(build.node("Slice", [padded, *ends, one], name))
    both = build.node("Concat", [parts[0], words, parts[1]], "both", axis=2)
    product = build.node("MatMul", [both, build.constant("weights", weights[:-1])], "product")
    build.node("Add", [product, build.constant("bias", weights[-1])], SCORES_NAME)
    columns = len(HASHED) + (4 if table.shape[0] > 1 + sum(each.rows for each in HASHED) else 0)
    made = helper.make_graph(
        build.nodes,
        "tagger",
        [helper.make_tensor_value_info(FEATURES_NAME, TensorProto.INT32, ["batch", "words", columns])],
        [helper.make_tensor_value_info(SCORES_NAME, TensorProto.FLOAT, ["batch", "words", weights.shape[1]])],
        build.constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for kind, path in make_taggers(target).items():
        print(f"{kind}: {path}")
