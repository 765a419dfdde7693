"""Encoders of text as ONNX files."""
