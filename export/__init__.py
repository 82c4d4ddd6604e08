"""From a model folder to checked ONNX graphs and the engines that run them."""

from .engines.build import build_plans, check_buildable, parse_range
from .engines.choice import EngineChoice, ModelEngines, parse_engine
from .engines.load import load_engines, native_side
from .model.components import load_tokenizers, load_unet
from .model.lora import Lora, parse_lora
from .model.model_folder import check_model_folder, find_model
from .model.model_info import ModelInfo
from .model.random_weights import random_model
from .model.read_schedule import schedule_of
from .model.schedule import Schedule, Step, noise_levels
from .model.scheduler import load_scheduler
from .model.source_digest import source_digest
from .onnx.cases import random_inputs
from .onnx.exporter import export_model
from .onnx.manifest import Exported, is_exported, read_manifest
from .onnx.settings import ExportProgress, ExportSettings

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
    "load_unet",
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
