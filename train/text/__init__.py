"""Runs on raw text: an encoder of texts."""
