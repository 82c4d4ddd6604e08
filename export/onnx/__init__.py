"""Exporting graphs to ONNX and checking what came out."""
