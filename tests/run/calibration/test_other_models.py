"""Calibrating a run of a model that can be asked for other things than the classes."""

from zeroreal.generate import GenerateSettings
from zeroreal.run import CalibrateSettings, RunSettings, calibrate_run, run
from zeroreal.train import TrainSettings


def test_other_things_are_drawn_and_told_apart(tiny_model, tmp_path):
    settings = RunSettings(
        classes=("cat", "dog"),
        images_per_class=8,
        device="cpu",
        generate=GenerateSettings(
            model=str(tiny_model("sd15")),
            steps=1,
            generate_size=32,
            engine="torch",
            precision="fp32",
            tune="off",
            batch_size=8,
        ),
        train=TrainSettings(epochs=1, batch_size=8),
    )
    folder = run(settings, tmp_path / "run").folder
    things = ("oak", "cat food", "elm")
    found = calibrate_run(
        folder, CalibrateSettings(images=3, others=6, device="cpu", things=things)
    )
    assert {row.kind: row.images for row in found.rejecting}["other things"] == 2
    assert found.note == "calibrated on synthetic images only"
