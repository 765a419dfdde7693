import pickle
import shutil

import numpy as np
import pytest
import torch

from linguagen.models.errors import UnknownModelError, UsageError, VectorError
from linguagen.models.model_file import decoder_path
from linguagen.runtime import Compressor, Expander
from linguagen.train.run.checkpoint import read_checkpoint
from linguagen.train.run.folder import RunFolder
from linguagen.train.vectors.finished import load_finished


@pytest.mark.parametrize(("kind", "tolerance"), [("none", 1e-5), ("fp16", 2e-3), ("int8", 2e-2)])
def test_the_decoder_does_what_pytorch_does(tiny, tiny_vectors, kind, tolerance):
    weight = read_checkpoint(RunFolder(tiny["run"]))["model"]["decoder.weight"]
    embeddings = Compressor.load(tiny[kind]).compress(tiny_vectors)
    wanted = torch.nn.functional.normalize(torch.from_numpy(embeddings) @ weight.T, dim=1).numpy()
    given = Expander.load(tiny[kind]).expand(embeddings)
    assert given.shape == tiny_vectors.shape
    np.testing.assert_allclose(given, wanted, atol=tolerance)
    np.testing.assert_allclose(load_finished(tiny["run"]).decoder, weight.numpy().T)


def test_batches_change_nothing_and_lengths_are_scaled(tiny, tiny_vectors):
    expander = Expander.load(tiny["int8"])
    embeddings = Compressor.load(tiny["int8"]).compress(tiny_vectors)
    whole = expander.expand(embeddings)
    np.testing.assert_allclose(expander.expand(3 * embeddings[5:6]), whole[5:6], atol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(expander)).expand(embeddings), whole)


def test_embeddings_of_another_width_are_refused(tiny):
    with pytest.raises(VectorError, match="embeddings: vectors of width 9, but the model takes width 8"):
        Expander.load(tiny["int8"]).expand(np.ones((3, 9)))


def test_a_model_without_a_decoder_says_how_to_get_one(tiny, tmp_path):
    path = shutil.copy(tiny["int8"], tmp_path / "alone.onnx")
    with pytest.raises(UnknownModelError, match="alone.onnx has no decoder alone.decoder.onnx .* lg-export --decoder"):
        Expander.load(path)


def test_the_decoder_of_another_export_is_refused(tiny, tmp_path):
    path = tmp_path / "m.onnx"
    shutil.copy(tiny["int8"], path)
    shutil.copy(decoder_path(tiny["none"]), decoder_path(path))
    with pytest.raises(UsageError, match="m.decoder.onnx: belongs to another file than m.onnx; export both again"):
        Expander.load(path)
