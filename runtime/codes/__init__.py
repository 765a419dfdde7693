"""Few bytes: codecs and their code books."""
