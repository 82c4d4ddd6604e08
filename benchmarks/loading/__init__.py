"""The loader against torchvision in a DataLoader."""
