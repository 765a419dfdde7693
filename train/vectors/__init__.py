"""Runs on embedding vectors."""
