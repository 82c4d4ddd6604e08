"""Columns of the documents' tables, by the names that markers call them."""

from __future__ import annotations

from ...report.results.column import Column

COLUMNS: dict[str, Column] = {
    "accuracy": Column("accuracy, %", "accuracy", ".1f", 100, with_deviation=True),
    "equal-time": Column(
        "accuracy at equal time, %", "accuracy_at_equal_time", ".1f", 100, with_deviation=True
    ),
    "equal-time-images": Column("images", "equal_time_images", ",.0f"),
    "images/s": Column("images/s", "images_per_second", ".4g"),
    "images/s-ratio": Column("times", "images_per_second", ".2f"),
    "times": Column("times", "ratio", ".2f"),
    "times-first": Column("times the first", "ratio", ".2f"),
    "ratio": Column("times the first (quartiles)", "ratio", ".2f", with_quartiles=True),
    "apart": Column("apart on average", "mean_difference_of_255", ".2g"),
    "most-apart": Column("at most", "max_difference_of_255", "d"),
    "batch": Column("batch", "batch_size", "d"),
    "psnr": Column("PSNR, dB", "psnr", ".1f"),
    "from": Column("from", "from"),
    "times-from": Column("times that", "ratio_before", ".2f"),
    "GB": Column("GB", "memory_bytes", ".2f", 1e-9),
    "peak-memory": Column("GB", "peak_memory_bytes", ".2f", 1e-9),
    "s": Column("s (quartiles)", "seconds", ".2f", with_quartiles=True),
    "us": Column("µs", "seconds", ".4g", 1e6),
    "ms": Column("ms", "seconds", ".4g", 1e3),
    "p99-ms": Column("99th percentile", "seconds", ".4g", 1e3, figure="p99"),
    "variation": Column("varies by", "seconds", ".1%", figure="cv"),
    "TFLOP/s": Column("TFLOP/s", "flop_per_second", ".3g", 1e-12),
    "roof": Column("of the roof", "share_of_roof", ".0%"),
    "bound": Column("bound by", "bound_by"),
    "copying": Column("of copying", "share_of_copy", ".1%"),
    "costs": Column("costs, % (quartiles)", "cost", ".2f", 100, with_quartiles=True),
    "writer-ms": Column("writer's CPU, ms an image", "writer_cpu_seconds_per_image", ".3f", 1e3),
    "own-share": Column("own share of a step", "overhead_share", ".2%"),
    "long-to-short": Column("100 batches to 10, images/s", "long_to_short", ".2f"),
    "peak-GB": Column("peak, GB", "peak_bytes", ".1f", 1e-9),
    "whole-s": Column("s", "seconds", ".0f"),
    "start-s": Column("start", "startup_seconds", ".0f"),
    "generate-s": Column("generate", "generate_seconds", ".0f"),
    "save-s": Column("save", "save_seconds", ".1f"),
    "train-s": Column("train", "train_seconds", ".0f"),
    "time-ratio": Column("times the first's", "time_ratio", ".2f"),
    "time-interval": Column("95 %", "time_ratio_interval"),
    "reached": Column("seeds that reach it", "reached"),
    "weights-GB": Column("GB", "weight_bytes", ".2f", 1e-9),
    "over-weights": Column("times the weights", "peak_over_weights", ".1f"),
    "fused": Column("fused", "attention_fused", "d"),
    "attention": Column("attention layers", "attention", "d"),
}
