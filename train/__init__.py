"""The trainer: learn an encoder from vectors (torch)."""
