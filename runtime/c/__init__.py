"""Models for the C library in `c/`: their tables, and the library as an engine."""
