"""`zeroreal run --images`: trained, stopped and resumed by the command."""

import torch
from PIL import Image


def test_a_folder_of_classes_is_trained_on(command, tmp_path, monkeypatch):
    drawn = torch.randint(256, (24, 32, 32, 3), generator=torch.Generator().manual_seed(0))
    for number, pixels in enumerate(drawn.to(torch.uint8)):
        folder = tmp_path / "My garments" / ("coat", "hat")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    done = command(
        *("run", "--images", "My garments", "--epochs", "2"),
        *("--device", "cpu", "--train-batch-size", "8", "--checkpoint-seconds", "0"),
    )
    assert done.returncode == 0, done.stderr
    assert "images/s read" in done.shown
    assert "generated" not in done.shown
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-my-garments")
    assert (folder / "report.html").exists()
