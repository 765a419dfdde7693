"""Runs on embedding vectors: an encoder that compresses them."""
