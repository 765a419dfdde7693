import numpy as np
import torch
from make_tiny_model import statistics_of
from sklearn.linear_model import LinearRegression

from linguagen.runtime.measure.controls import SOFTENED_PCA, control_projections, project
from linguagen.train.vectors.closed_form import gather_moments, start
from linguagen.train.vectors.config import EncoderConfig
from linguagen.train.vectors.network import Autoencoder, VectorNetwork


def test_chunks_give_the_moments_of_the_whole(tiny_vectors):
    whole, parts = (gather_moments(chunks, 48) for chunks in ([tiny_vectors], np.array_split(tiny_vectors, 7)))
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(whole[0], tiny_vectors.mean(axis=0), atol=1e-6)


def test_the_start_is_softened_pca_with_the_least_squares_decoder(tiny_vectors):
    model = Autoencoder(VectorNetwork(48, EncoderConfig(dim=8, segments=6)))
    statistics = statistics_of(tiny_vectors, 8)
    start(model, statistics, tiny_vectors, -0.05)
    with torch.no_grad():
        embeddings, reconstructed = (item.numpy() for item in model(torch.from_numpy(tiny_vectors)))
    golden = project(tiny_vectors, control_projections(statistics, 8)[SOFTENED_PCA])
    np.testing.assert_allclose(embeddings, golden, atol=1e-5)
    fitted = LinearRegression(fit_intercept=False).fit(golden, tiny_vectors).predict(golden)
    np.testing.assert_allclose(reconstructed, fitted, atol=1e-3)
