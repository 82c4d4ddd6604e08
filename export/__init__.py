"""From a model folder to checked ONNX graphs and the engines that run them."""

from .build import build_plans, check_buildable, parse_range
from .components import load_scheduler, load_tokenizers
from .engines import EngineChoice, ModelEngines, parse_engine
from .exporter import ExportProgress, ExportSettings, export_model, source_digest
from .load_engines import load_engines, native_side
from .lora import Lora, parse_lora
from .manifest import Exported, is_exported, read_manifest
from .model_folder import check_model_folder, find_model
from .model_info import ModelInfo
from .random_weights import random_model
from .schedule import Schedule, Step, noise_levels, schedule_of
from .verify import random_inputs

__all__ = [
    "EngineChoice",
    "ExportProgress",
    "ExportSettings",
    "Exported",
    "Lora",
    "ModelEngines",
    "ModelInfo",
    "Schedule",
    "Step",
    "build_plans",
    "check_buildable",
    "check_model_folder",
    "export_model",
    "find_model",
    "is_exported",
    "load_engines",
    "load_scheduler",
    "load_tokenizers",
    "native_side",
    "noise_levels",
    "parse_engine",
    "parse_lora",
    "parse_range",
    "random_inputs",
    "random_model",
    "read_manifest",
    "schedule_of",
    "source_digest",
]
