"""Taggers as ONNX files."""
