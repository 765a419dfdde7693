"""Runs on raw text."""
