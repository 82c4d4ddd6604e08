"""ONNX Runtime behind the `Engine` interface."""
