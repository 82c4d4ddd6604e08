"""The Python of docs/serving.md, run as it stands against a server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "serving.md"


def test_the_documents_python_names_the_class(port, garment, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "8000" in code
    shutil.copy(garment, tmp_path / "picture.jpg")
    done = subprocess.run(
        [sys.executable, "-c", code.replace("8000", str(port))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    name, score = done.stdout.split()
    assert (name, float(score) > 0.9) == ("sneaker", True)
