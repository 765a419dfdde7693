"""Vector models for the C library in `c/`: a table to map into memory, or C arrays."""
