from .blocks import embed_in_blocks
from .coverage import Nearness, RealVectors
from .dual_encoder import DualEncoder
from .gaussians import ClassGaussians, GaussianClassifier
from .kinds import EncoderStatus, encoder_statuses
from .load import encoder_digest, find_encoder, load_encoder
from .prompt_weights import zpe_scores, zpe_weights
from .vendi import vendi_score, vendi_within
from .zero_shot import ZeroShotClassifier, class_weights

__all__ = [
    "ClassGaussians",
    "DualEncoder",
    "EncoderStatus",
    "GaussianClassifier",
    "Nearness",
    "RealVectors",
    "ZeroShotClassifier",
    "class_weights",
    "embed_in_blocks",
    "encoder_digest",
    "encoder_statuses",
    "find_encoder",
    "load_encoder",
    "vendi_score",
    "vendi_within",
    "zpe_scores",
    "zpe_weights",
]
