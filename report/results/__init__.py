"""Results of benchmarks as files: rows of metrics, with the machine and settings they hold for."""
