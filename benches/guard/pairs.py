"""The pairs of versions that the guard is trained and measured on, with their labels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SETS = ("policy", "prompt")
PROMPT_FOLDS = 4
"""The prompt files are parted into so many families; each policy's service is one."""


@dataclass(frozen=True)
class Pair:
    """An older and a newer version, what an annotator says of them, and the family that they are of."""

    key: str
    old: str
    new: str
    family: str
    meaning: int
    tone: str
    domain: str
    source_meaning: int | None
    """What the source's own annotator said, of those that came labelled."""


def key_of(old: str, new: str) -> str:
    """Names a pair without telling its texts."""
    return hashlib.sha256(f"{old}\0{new}".encode()).hexdigest()[:16]


def family_of(domain: str, path: str) -> str:
    if domain == "policy":
        return f"policy {path.split('/')[0]}"
    digest = hashlib.sha256(path.encode()).digest()
    return f"prompt {int.from_bytes(digest[:4], 'big') % PROMPT_FOLDS}"


def labels() -> dict[str, dict]:
    with (HERE / "labels.jsonl").open() as file:
        return {label["key"]: label for label in map(json.loads, file)}


def load(data: Path) -> list[Pair]:
    """Every pair that is labelled, each once, in the order of the files."""
    known, pairs = labels(), {}
    for domain in SETS:
        for kind in ("labelled", "unlabelled"):
            with (data / "regression" / f"{domain}_version_pairs_{kind}.jsonl").open() as file:
                for row in map(json.loads, file):
                    key = key_of(row["text_a"], row["text_b"])
                    label = known.get(key)
                    if label is None or key in pairs:
                        continue
                    pairs[key] = Pair(
                        key, row["text_a"], row["text_b"], family_of(domain, row["path"]), label["meaning"], label["tone"], domain,
                        row.get("meaning"),
                    )
    return list(pairs.values())


def tone_pairs() -> list[dict]:
    """Pairs whose tone changes, or does not, written for this purpose."""
    with (HERE / "tone_pairs.jsonl").open() as file:
        return [json.loads(line) for line in file]
