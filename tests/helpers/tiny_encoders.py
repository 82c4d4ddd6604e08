"""Dual encoders of every family with tiny random weights, as their libraries save them."""

import io
import json

import torch
import transformers

from zeroreal.assets import TINY_FASHION

WORDS = ("a photo of", "the", "coat", "bag", "dress", "ankle boot", "seen from side", "an", "一")
_NARROW = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
_SHALLOW = {**_NARROW, "num_hidden_layers": 2}
_VISION = {**_SHALLOW, "image_size": 32, "patch_size": 8}
_SIDES = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


def clip_tokenizer():
    return transformers.CLIPTokenizer.from_pretrained(TINY_FASHION / "tokenizer")


def bert_tokenizer(most=24):
    words = sorted({*" ".join(WORDS), *" ".join(WORDS).split()} - {" "})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return transformers.BertTokenizer(vocab=vocabulary, model_max_length=most)


def roberta_tokenizer(most):
    letters = sorted({*" ".join(WORDS)} - {" "})
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "▁", *letters]
    vocabulary = [(token, -float(number)) for number, token in enumerate(tokens)]
    return transformers.XLMRobertaTokenizer(vocab=vocabulary, model_max_length=most)


def gemma_tokenizer():
    """SigLIP 2's: lower-cased byte pairs."""
    letters = sorted({*" ".join(WORDS)} - {" "})
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *letters]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return transformers.Siglip2Tokenizer(vocab=vocabulary, merges=[], model_max_length=40)


def siglip_tokenizer(folder):
    """SigLIP's own, on a SentencePiece model of the words."""
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS)] * 20),
        model_writer=written,
        vocab_size=40,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    path = folder / "spiece.model"
    path.write_bytes(written.getvalue())
    return transformers.SiglipTokenizer(str(path), model_max_length=40)


def _clip(folder):
    tokenizer = clip_tokenizer()
    text = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 32,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = transformers.CLIPConfig(
        text_config={**_SHALLOW, **text}, vision_config=_VISION, projection_dim=16
    )
    return transformers.CLIPModel(config), tokenizer, transformers.CLIPImageProcessor(**_SIDES)


def _metaclip_2(folder):
    tokenizer = roberta_tokenizer(512)
    text = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 40,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = transformers.MetaClip2Config(
        text_config={**_SHALLOW, **text}, vision_config=_VISION, projection_dim=16
    )
    return transformers.MetaClip2Model(config), tokenizer, transformers.CLIPImageProcessor(**_SIDES)


def _siglip(folder):
    tokenizer = siglip_tokenizer(folder)
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 40}
    config = transformers.SiglipConfig(
        text_config={**_SHALLOW, **text, "projection_size": 32}, vision_config=_VISION
    )
    processor = transformers.SiglipImageProcessor(size={"height": 32, "width": 32})
    return transformers.SiglipModel(config), tokenizer, processor


def _siglip2(folder):
    tokenizer = gemma_tokenizer()
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 40, "projection_size": 32}
    vision = {**_SHALLOW, "patch_size": 8, "num_patches": 16}
    config = transformers.Siglip2Config(text_config={**_SHALLOW, **text}, vision_config=vision)
    processor = transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
    return transformers.Siglip2Model(config), tokenizer, processor


def _align(folder):
    tokenizer = bert_tokenizer(512)
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 80}
    vision = {
        "image_size": 32,
        "width_coefficient": 0.25,
        "depth_coefficient": 0.1,
        "hidden_dim": 80,
        "drop_connect_rate": 0.0,
    }
    config = transformers.AlignConfig(
        text_config={**_SHALLOW, **text}, vision_config=vision, projection_dim=80
    )
    processor = transformers.EfficientNetImageProcessor(
        size={"height": 40, "width": 40},
        crop_size={"height": 32, "width": 32},
        do_center_crop=True,
        rescale_offset=True,
        rescale_factor=1 / 127.5,
        do_normalize=False,
    )
    return transformers.AlignModel(config), tokenizer, processor


def _altclip(folder):
    tokenizer = roberta_tokenizer(512)
    text = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 38,
        "project_dim": 16,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = transformers.AltCLIPConfig(
        text_config={**_SHALLOW, **text},
        vision_config={**_VISION, "projection_dim": 16},
        projection_dim=16,
    )
    return transformers.AltCLIPModel(config), tokenizer, transformers.CLIPImageProcessor(**_SIDES)


def _chinese_clip(folder):
    tokenizer = bert_tokenizer()
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 24}
    config = transformers.ChineseCLIPConfig(
        text_config={**_SHALLOW, **text}, vision_config=_VISION, projection_dim=16
    )
    processor = transformers.ChineseCLIPImageProcessor(**_SIDES)
    return transformers.ChineseCLIPModel(config), tokenizer, processor


FAMILIES = {
    "clip": _clip,
    "metaclip_2": _metaclip_2,
    "siglip": _siglip,
    "siglip2": _siglip2,
    "align": _align,
    "altclip": _altclip,
    "chinese_clip": _chinese_clip,
}


def save_transformers(kind, folder):
    """A model of a family with random weights, its tokenizer and image processor, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, tokenizer, processor = FAMILIES[kind](folder)
        _shake(model)
        if kind == "align":  # or its batch normalisation leaves nothing of pictures
            for _ in range(5):
                model.train().vision_model(pictures(32, 32).permute(0, 3, 1, 2) / 128.0 - 1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


OPEN_CLIP = {
    "clip": {},
    "clip with a bias": {"custom_text": True, "init_logit_bias": -3.0},
    "coca": {
        "custom_text": True,
        "multimodal_cfg": {
            "context_length": 15,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
            "attn_pooler_heads": 2,
        },
    },
}


def save_open_clip(kind, folder, **text):
    """The same of `open_clip`, whose tokenizer lies in the library."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    is_coca = kind == "coca"
    vision = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    if is_coca:
        vision |= {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
        text = {"context_length": 15, "embed_cls": True, "output_tokens": True, **text}
    text = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2, **text}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text, **OPEN_CLIP[kind]}
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.3, 0.2, 0.1], "interpolation": "bilinear"}
    content = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model(
            f"local-dir:{folder}", load_weights=False, pretrained_text=False
        )
        _shake(model)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    return folder


def _shake(model):
    """Random weights of a size at which pictures and texts come out different."""
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)


def pictures(count=5, side=48):
    """Smooth random images uint8 `[N, S, S, 3]`."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return (smooth * 255).byte().permute(0, 2, 3, 1).contiguous()
