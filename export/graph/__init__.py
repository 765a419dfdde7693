"""What every ONNX graph is made of."""
