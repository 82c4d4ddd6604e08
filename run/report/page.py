"""The report of a run: one HTML file that holds everything and loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...base.files import write_atomically
from ...report.page import SPACE, curve, data_uri, page
from .summary import RunSummary

_TEMPLATE = Path(__file__).with_name("report.html.j2")
_WORST_PAIRS = 5


def write_report(path: Path, summary: RunSummary, pictures: Mapping[str, bytes]) -> None:
    """Write the report of a run to `path`, whole or not at all.

    `pictures`, PNG files, go where the page expects them
    by the names `samples` and `confusion`; others follow at the end under their own names.
    """
    uris = {name: data_uri(picture) for name, picture in pictures.items()}
    test, training = summary.test, summary.training
    content = {
        "run": summary,
        "pictures": uris,
        "more_pictures": {k: v for k, v in uris.items() if k not in ("samples", "confusion")},
        "mistakes": mistakes(test.confusion, summary.classes) if test else [],
        "curves": [
            curve("Training loss", training.loss, "{:.3g}".format),
            curve(
                f"Accuracy on the {'synthetic' if summary.dataset is None else 'stored'} images",
                training.accuracy,
                lambda share: f"{share * 100:.3g}{SPACE}%",
            ),
        ],
        "total_seconds": sum(summary.seconds.values()),
    }
    write_atomically(path, page(_TEMPLATE, content))


def mistakes(
    confusion: Sequence[Sequence[int]], classes: Sequence[str]
) -> list[tuple[str, str, int, float]]:
    """The most frequent: true class, predicted class, count, share of the true class."""
    pairs: Iterable[tuple[str, str, int, float]] = (
        (classes[i], classes[j], count, count / sum(row))
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if i != j and count
    )
    return sorted(pairs, key=lambda pair: -pair[2])[:_WORST_PAIRS]
