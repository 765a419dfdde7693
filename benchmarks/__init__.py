"""What makes the figures of docs/results: each script writes its own page or block."""
