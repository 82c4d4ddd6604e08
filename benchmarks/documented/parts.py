"""The documented set: what is measured, with which settings, and the file that has the result."""

from .part import Part

PARTS = (
    Part(
        "throughput",
        "throughput-embedded-cpu.json",
        {
            "contenders": (
                "diffusers/fp32",
                "diffusers:compiled/fp32@64",
                "ours:torch/fp32",
                "ours:onnxruntime/fp32",
                "ours:torch:compiled/fp32@64",
                "diffusers/bf16",
                "diffusers:compiled/bf16@64",
                "ours:torch/bf16",
                "ours:torch:compiled/bf16@64",
            ),
            "images": 128,
            "device": "cpu",
        },
    ),
    Part(
        "throughput",
        "throughput-sd15-256-cpu.json",
        {
            "contenders": (
                "diffusers/fp32@2",
                "diffusers/bf16@2",
                "ours:torch/fp32@2",
                "ours:torch/bf16@2",
            ),
            "random_weights": "sd15",
            "generate_size": 256,
            "steps": 4,
            "guidance": "off",
            "scheduler": "DDIMScheduler",
            "images": 2,
            "device": "cpu",
        },
    ),
    Part(
        "latency",
        "latency-embedded-cpu.json",
        {
            "generate": {"engine": "torch", "precision": "bf16", "batch_size": 32, "tune": "off"},
            "device": "cpu",
        },
    ),
    Part("waterfall", "waterfall-embedded-cpu.json", {"batch_size": 16, "device": "cpu"}),
    Part("loop", "loop-embedded-cpu.json", {"batch_size": 16, "steps": 4}),
    Part("loader", "loader-cpu.json", {"device": "cpu"}),
    Part("training", "training-cpu.json", {"device": "cpu", "rounds": 5}),
    Part(
        "training",
        "training-resnet50-cpu.json",
        {"cases": ("timm-224",), "device": "cpu", "rounds": 5, "batch_size": 32, "batches": 4},
    ),
    Part("kernels", "kernels-cpu.json", {"device": "cpu"}),
    Part("plan", "plan-cpu.json"),
    Part("writing", "writing-cpu.json"),
    Part("workers", "workers-cpu.json", {"images": 3000, "rounds": 3}),
    Part(
        "dataset",
        "dataset-cpu.json",
        {
            "cases": ("webdataset-jpg", "parquet-jpg", "folder-png", "npy"),
            "engine": "torch",
            "precision": "bf16",
            "batch_size": 32,
            "images_per_class": 64,
        },
    ),
    Part("load", "load-cpu.json"),
    Part("serve", "serve-cpu.json", {"device": "cpu"}, needs=("aiohttp", "prometheus_client")),
    Part(
        "zeroshot",
        "zeroshot-cpu.json",
        {
            "contenders": (
                "diffusers/fp32",
                "ours:torch/fp32",
                "ours:onnxruntime/fp32",
                "ours:torch:compiled/fp32",
                "diffusers/bf16",
                "ours:torch/bf16",
                "ours:torch:compiled/bf16",
                "transformers",
                "encoder:torch",
                "encoder:onnxruntime",
            ),
            "device": "cpu",
        },
    ),
    Part("deploy", "deploy-cpu.json", needs=("onnxruntime", "onnxscript", "openvino")),
    Part("export", "export-sd15-fp16.json", {"target": "sm_89"}),
    Part("e2e", "e2e-cpu.json", {"images": (400, 800, 2000, 4000), "device": "cpu"}),
    Part(
        "recipes",
        "accuracy-2000-images.json",
        {"images_per_class": 200, "device": "cpu"},
        needs_real=True,
    ),
    Part(
        "recipes",
        "accuracy-4000-images.json",
        {"images_per_class": 400, "recipes": ("random-guidance",), "device": "cpu"},
        needs_real=True,
    ),
    Part(
        "recipes",
        "accuracy-20000-images.json",
        {
            "images_per_class": 2000,
            "recipes": ("random-guidance",),
            "seeds": (0,),
            "device": "cpu",
        },
    ),
    Part(
        "levers",
        "few-steps-speed-cpu.json",
        {
            "device": "cpu",
            "phases": ("speed",),
            "rounds": 5,
            "settings": (
                *("baseline", "few-step-4", "few-step-2", "few-step-1"),
                *("few-step-4-tiny-vae", "few-step-2-tiny-vae"),
            ),
        },
    ),
    Part(
        "levers",
        "few-steps-cpu.json",
        {
            "device": "cpu",
            "phases": ("images",),
            "settings": (
                *("baseline", "few-step-4", "few-step-2", "few-step-1", "few-step-4-first-1"),
                *("few-step-4-tiny-vae", "few-step-2-tiny-vae"),
            ),
            "seeds": (0, 1, 2, 3, 4, 5),
        },
    ),
    Part(
        "levers",
        "fp8-cpu.json",
        {
            "device": "cpu",
            "phases": ("images",),
            "settings": ("baseline", "fp8-simulated", "few-step-4", "few-step-4-fp8-simulated"),
        },
    ),
    Part("levers", "levers-cpu.json", {"device": "cpu"}, needs_real=True),
    Part("tricks", "tricks-cpu.json", {"device": "cpu"}, needs_real=True),
)
"""In the order in which they are measured: what needs a quiet machine, then accuracies, which take
hours."""
