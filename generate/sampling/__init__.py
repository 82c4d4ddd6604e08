"""From samples to images: text, noise, denoising steps, decoding."""
