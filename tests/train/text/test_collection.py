import dataclasses

import make_tiny_text_model as tiny_model
import numpy as np
import pytest
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from linguagen.models.errors import TrainingError, UsageError
from linguagen.train.run.folder import RunFolder
from linguagen.train.run.processes import Processes
from linguagen.train.text.collection import fit_collection, inverse_document_frequency, main_directions
from linguagen.train.text.finished import load_finished
from linguagen.train.text.loop import train_text
from linguagen.train.text.model_file import open_start
from linguagen.train.text.network import TextNetwork
from linguagen.train.text.prepare import prepare_text
from linguagen.train.text.start import start_settings
from linguagen.train.text.table import Bags
from linguagen.train.text.validation import encoded

AXES, POWER = 5, 0.75


@pytest.fixture
def fitted(tiny_text, inputs, tmp_path):
    """The tiny model, one wider by the collection's axes, and the documents."""
    old = load_finished(tiny_text["run"])
    shape = {"width": 12 + AXES, "term_frequency_power": POWER}
    config = tiny_model.tiny_text_config(inputs, init=str(tiny_text["run"]), collection=AXES, **shape)
    data = prepare_text(config, RunFolder(tmp_path), old.tokenizer)
    encoder = TextNetwork(old.tokenizer.pieces, config.encoder).eval()
    fit_collection(encoder, old.network, data)
    return encoder, old.network, data


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return tiny_model.write_inputs(tmp_path_factory.mktemp("inputs"))


def counts_of(data) -> np.ndarray:
    counts = np.zeros((len(data.split.training), data.tokenizer.pieces))
    for place, row in enumerate(data.split.training):
        np.add.at(counts[place], data.tokens.tokens_of(row), 1)
    return counts


def test_frequencies_and_axes_are_those_of_scikit_learn(fitted):
    _, old, data = fitted
    counts = counts_of(data)
    theirs = TfidfTransformer(norm=None).fit(counts)
    np.testing.assert_allclose(inverse_document_frequency(data, old.pieces), theirs.idf_, rtol=1e-5)
    bags = Bags(data.tokens, data.split.training, torch.zeros(old.pieces))
    ours = main_directions(bags, AXES).numpy()
    svd = TruncatedSVD(AXES, algorithm="arpack", random_state=0).fit(normalize(counts))
    np.testing.assert_allclose(np.abs(ours.T @ svd.components_.T), np.eye(AXES), atol=0.02)


def test_the_fit_is_both_encoders_side_by_side_turned_to_what_the_documents_use(fitted):
    """The same in long hand: embeddings of the old encoder beside weighted axes, turned, scaled to length 1."""
    encoder, old, data = fitted
    idf = inverse_document_frequency(data, old.pieces).numpy()
    importance = old.importance.weight.detach().numpy()[:, 0]
    counts = counts_of(data)
    terms = counts**POWER
    weights = np.exp(0.5 * importance) * idf**2
    svd = TruncatedSVD(AXES, algorithm="arpack", random_state=0).fit(normalize(terms * weights))
    pooled = normalize(terms * np.exp(importance) * idf, norm="l1")
    added = pooled @ (svd.components_.T * (weights / np.exp(importance) / idf)[:, None])
    weighed = TextNetwork(old.pieces, dataclasses.replace(old.config, term_frequency_power=POWER))
    weighed.load_state_dict(old.state_dict())
    with torch.no_grad():
        weighed.importance.weight += torch.from_numpy(np.log(idf))[:, None]
    own = encoded(weighed.unscaled, data.tokens, data.split.training)
    scale = np.linalg.norm(own, axis=1).mean() / np.linalg.norm(added, axis=1).mean()
    wide = np.hstack([own, scale * added])
    common = normalize(normalize(wide).mean(axis=0)[None])  # (1, dim + axes)
    wide = wide - 0.5 * (wide @ common.T) @ common
    turn = TruncatedSVD(encoder.config.dim, algorithm="arpack", random_state=0).fit(normalize(wide)).components_.T
    wanted = torch.from_numpy(normalize(wide @ turn)).float()
    given = torch.from_numpy(encoded(encoder, data.tokens, data.split.training))
    torch.testing.assert_close(given @ given.T, wanted @ wanted.T, atol=1e-4, rtol=0)  # up to the sign of axes


def test_a_collection_is_searched_better_after_its_fit(tiny_text, inputs, tmp_path):
    """Deeds decide what belongs together here, and the tiny model was trained too shortly to know them."""
    path = tiny_model.make_text_run(
        tmp_path / "fit", inputs, init=str(tiny_text["run"]), collection=AXES, width=12 + AXES
    )
    run = load_finished(path)
    texts = tiny_model.tiny_texts()
    deeds = np.array([text.split()[2] for text in texts])

    def same_deed(encoder):
        tokens = torch.nn.utils.rnn.pad_sequence(
            [torch.tensor(each) for each in run.tokenizer.tokenize(texts)], batch_first=True
        )
        with torch.no_grad():
            cosines = encoder(tokens) @ encoder(tokens).T
        nearest = cosines.fill_diagonal_(-1).topk(5).indices.numpy()
        return (deeds[nearest] == deeds[:, None]).mean()

    assert run.summary["training_texts"] == 353
    assert same_deed(run.network) > same_deed(load_finished(tiny_text["run"]).network)


def test_documents_are_read_as_far_as_the_settings_say(tiny_text, inputs, tmp_path):
    text = inputs["text"].read_text() + "The dog bites the cat. " * 300 + "\n"
    (tmp_path / "documents.txt").write_text(text)
    config = dataclasses.replace(
        tiny_model.tiny_text_config(inputs, init=str(tiny_text["run"]), collection=AXES, width=12 + AXES, longest=4096),
        inputs=(str(tmp_path / "documents.txt"),),
    )
    data = prepare_text(config, RunFolder(tmp_path), load_finished(tiny_text["run"]).tokenizer)
    assert data.tokens.lengths.max() > 512
    assert prepare_text(dataclasses.replace(config, longest=30), RunFolder(tmp_path)).tokens.lengths.max() == 30


def test_what_cannot_be_fitted_is_refused(tiny_text, inputs, tmp_path):
    start = str(tiny_text["run"])
    many = tiny_model.tiny_text_config(inputs, init=start, collection=354, width=12 + 354)
    with pytest.raises(
        TrainingError,
        match=r"--collection 354 asks for more axes than there are documents \(353\) or different pieces in them \(\d+\); ",
    ):
        train_text(many, RunFolder(tmp_path), Processes())
    few = tiny_model.tiny_text_config(inputs, init=start, collection=100, width=12 + 100)
    with pytest.raises(TrainingError, match=r"--collection 100 .* different pieces in them \(\d\d\); ask for fewer"):
        train_text(few, RunFolder(tmp_path), Processes())
    with pytest.raises(UsageError, match="--collection fits an existing model; name it with --init"):
        tiny_model.tiny_text_config(inputs, collection=4)
    with pytest.raises(UsageError, match="--collection is a closed form and trains on nothing; leave --targets"):
        tiny_model.tiny_text_config(inputs, "targets", init=start, collection=4)


def test_the_settings_follow_from_the_model_and_the_axes(tiny_text):
    shape = {"dim": 8, "width": 12, "hidden": 4, "layers": 1, "directions": "both", "term_frequency_power": 1}
    start = open_start(str(tiny_text["int8"]))
    assert start_settings(start, 0) == shape
    fitted = {"width": 16, "term_frequency_power": 0.75, "longest": 4096}
    assert start_settings(start, 4) == shape | fitted
