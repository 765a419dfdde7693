"""lg-run serve: OpenAI's embeddings API on this machine, for texts or as a compressing proxy."""
