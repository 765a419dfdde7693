"""Encoders of vectors as ONNX files."""
