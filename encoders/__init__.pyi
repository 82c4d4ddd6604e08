from .coverage import Nearness, RealVectors
from .dual_encoder import DualEncoder
from .kinds import EncoderStatus, encoder_statuses
from .load import find_encoder, load_encoder
from .vendi import vendi_score, vendi_within
from .zero_shot import ZeroShotClassifier, class_weights

__all__ = [
    "DualEncoder",
    "EncoderStatus",
    "Nearness",
    "RealVectors",
    "ZeroShotClassifier",
    "class_weights",
    "encoder_statuses",
    "find_encoder",
    "load_encoder",
    "vendi_score",
    "vendi_within",
]
