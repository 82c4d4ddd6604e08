"""Throughput, latency, training and kernel benchmarks, and the figures they gave."""
