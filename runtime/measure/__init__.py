"""What is measured of embeddings and of speed, next to simple methods."""
