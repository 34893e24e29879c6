"""Downloads the agent runs that the project measures with: `python -m ritual.fetch DEST`.

`sources.json` names the repositories, commits and files, with the SHA-256 of each. They are MIT-licensed; none of them
is part of this repository.
"""

from __future__ import annotations

import hashlib
import json
import sys
import urllib.parse
import urllib.request
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "sources.json"


def fetch(destination: Path) -> None:
    """Writes every file that is not there yet."""
    for source in json.loads(SOURCES.read_text()):
        for file in source["files"]:
            path = destination / file["file"]
            if path.exists() and digest(path.read_bytes()) == file["sha256"]:
                continue
            where = urllib.parse.quote(f"{source['repository']}/{source['commit']}/{file['path']}")
            url = f"https://raw.githubusercontent.com/{where}"
            with urllib.request.urlopen(url) as response:
                content = response.read()
            if digest(content) != file["sha256"]:
                raise ValueError(f"{url} is not the file that was measured")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(path)


def digest(content: bytes) -> str:
    """The SHA-256 of `content`, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ritual.fetch DEST")
    fetch(Path(sys.argv[1]))
