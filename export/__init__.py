"""The exporter: a trained encoder as one self-describing ONNX file (torch and onnx)."""
