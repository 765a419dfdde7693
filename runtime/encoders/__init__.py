"""What runs a model file: vectors, embeddings or texts in, embeddings or vectors out."""
