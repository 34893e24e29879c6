"""The README's examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(examples) == 10
    monkeypatch.chdir(tmp_path)
    shared: dict[str, object] = {}
    for example in examples:
        exec(compile(example, README, "exec"), shared)
    assert (tmp_path / "assistants.db").exists()
