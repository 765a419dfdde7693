"""A scikit-learn pipeline on embedding vectors: PCA, and what replaces it by one line.

    pip install '.[sklearn]'
    python examples/sklearn_pca.py vectors.npy labels.npy

Prints the accuracy of a classifier on the vectors as they are, on PCA's and on ours, and what the fit of ours measured.
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from linguagen.train import EmbeddingCompressor


def main() -> None:
    """Compare the three pipelines on vectors (rows, width) and labels (rows,)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vectors", help="a .npy file of vectors")
    parser.add_argument("labels", help="a .npy file of the rows' labels")
    parser.add_argument("--components", type=int, default=256)
    parser.add_argument("--init", default="text-embedding-3-small", help="model that knows the vectors' teacher")
    arguments = parser.parse_args()
    vectors, labels = np.load(arguments.vectors), np.load(arguments.labels)
    steps = {
        "as they are": "passthrough",
        "PCA": PCA(n_components=arguments.components),
        "LinguaGEN": EmbeddingCompressor(n_components=arguments.components, init=arguments.init),
    }
    seen, unseen, known, hidden = train_test_split(vectors, labels, random_state=0, stratify=labels)
    for name, step in steps.items():
        pipeline = make_pipeline(step, LogisticRegression(max_iter=1000)).fit(seen, known)
        print(f"{name}: accuracy {pipeline.score(unseen, hidden):.3f}")
    print(steps["LinguaGEN"].report_)


if __name__ == "__main__":
    main()
