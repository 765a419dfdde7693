"""The trainer: learn an encoder from vectors or from text, with torch."""
