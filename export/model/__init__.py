"""What a model is read from: folders, files, configurations, LoRA, random weights."""
