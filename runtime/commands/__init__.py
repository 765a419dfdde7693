"""lg-run: one module a group of commands."""
