"""Tiny real runs of taggers for tests, on the sentences of make_tiny_tagger."""

from pathlib import Path

import make_tiny_tagger as tiny

from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.tagger.config import TaggerRunConfig
from linguagen.train.tagger.loop import train_tagger

SHAPE = {"width": 12, "hidden": 16, "units": 8, "forms": 50, "dropout": 0.1}


def write_sentences(folder: Path) -> dict[str, Path]:
    """The sentences as CoNLL-U with parts of speech, and as BIO columns: keys pos, ner."""
    sentences = tiny.tiny_sentences()
    conllu = "\n".join(
        "# a comment\n"
        + "".join(f"{n}\t{word}\t_\t{tag}" + "\t_" * 6 + "\n" for n, (word, tag, _) in enumerate(each, 1))
        for each in sentences
    )
    bio = "\n".join("".join(f"{word} {name}\n" for word, _, name in each) for each in sentences)
    files = {"pos": folder / "pos.conllu", "ner": folder / "ner.conll"}
    files["pos"].write_text(conllu, encoding="utf-8")
    files["ner"].write_text(bio, encoding="utf-8")
    return files


def make_run(folder: Path, data: Path, **settings: object) -> Path:
    """Train a run into a folder; returns the folder."""
    values = {
        "inputs": (str(data),),
        "init": "none",
        "steps": 60,
        "batch": 16,
        "evaluate_every": 30,
        **SHAPE,
        **settings,
    }
    config, run = TaggerRunConfig.from_flat(values), RunFolder(folder)
    run.write_config(config)
    train_tagger(config, run, Processes())
    return folder
