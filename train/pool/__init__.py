"""The pool of images on the device, what fills it and what draws from it."""
