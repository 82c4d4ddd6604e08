"""What decides a run, and the folder that it is kept in."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..assets.embedded import EMBEDDED_CLASSES
from ..generate.generator import DEFAULT_STEPS
from ..train.settings import TrainSettings
from ..train.trainer import CHECKPOINT_SECONDS, DEFAULT_CLASSIFIER


@dataclass(frozen=True)
class RunSettings:
    """A whole run: images generated, a classifier trained on them, tested on real images."""

    classes: tuple[str, ...] = EMBEDDED_CLASSES
    """Entries `name` or `name: display prompt`, in label order."""
    recipe: str = "random-guidance"
    """A shipped recipe's name or a file's path."""
    model: str | None = None
    """A diffusers folder or hub id; the embedded model by default."""
    images_per_class: int = 400
    classifier: str = DEFAULT_CLASSIFIER
    """A timm model's name."""
    data: str | None = None
    """Real test images; by default the shipped ones for the embedded classes, else none."""
    seed: int = 0
    engine: str = "auto"
    """`auto`, `torch`, `torch:compiled`, `onnxruntime` or `tensorrt`; see `Generator`."""
    device: str = "auto"
    devices: tuple[str, ...] = ()
    """Where to generate with one process each, instead of on `device`, which trains."""
    precision: str = "auto"
    attention: str = "auto"
    """Of the torch engine; see `Generator`."""
    cuda_graphs: bool | None = None
    scheduler: str | None = None
    steps: int = DEFAULT_STEPS
    image_size: int | None = None
    """Side in pixels of the images that the classifier sees; by default that of generation."""
    batch_size: int | None = None
    """Images denoised together; by default what tuning finds."""
    vae_batch_size: int | None = None
    """Images decoded together; by default what tuning finds, or `batch_size`."""
    memory: int | None = None
    """Bytes that generation may take; by default most of what is free."""
    tune: str = "auto"
    guidance_interval: tuple[float, float] | None = None
    """Lowest and highest noise level at which guidance acts; everywhere by default."""
    deep_cache: int = 1
    """The whole UNet runs every so many steps; between, its deep features serve again."""
    vae: str | None = None
    """Another VAE decoder; see `Generator`."""
    generate_size: int | None = None
    """Side in pixels at which images are generated; by default the model's own."""
    amp: str = "auto"
    """What training computes in, by autocast: `auto`, `fp32`, `bf16` or `fp16`."""
    blocks: int = 8
    """Images arrive in so many blocks; training begins when the first is there."""
    pool: int | None = None
    """Bytes that the pool of images may take; by default a quarter of what is free."""
    spill: int | None = None
    """Bytes of host memory for images that do not fit into these; none by default."""
    pool_policy: str = "oldest"
    """What happens when the pool is full; see `POLICIES`."""
    sharing: str = "auto"
    """How generating and training share a device; see `Feed`."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    """About how often the state of training is saved."""
    teacher: str | None = None
    """A CLIP model, by folder or hub id, whose probabilities soften the labels."""
    teacher_weight: float = 0.5
    """The teacher's share of the targets."""
    batch_norm_data: str | None = None
    """Unlabelled real images to re-estimate BatchNorm statistics on, after training."""
    time_budget: float | None = None
    """Seconds that the whole run may take: levers and number of images follow from it."""
    train: TrainSettings = field(default_factory=TrainSettings)


GENERATOR_OPTIONS = (
    "model",
    "engine",
    "precision",
    "attention",
    "cuda_graphs",
    "scheduler",
    "steps",
    "image_size",
    "batch_size",
    "vae_batch_size",
    "memory",
    "tune",
    "guidance_interval",
    "deep_cache",
    "vae",
    "generate_size",
)
"""The fields that go to the generator as they are."""
