"""Raw text: lines of files, and tokens."""
