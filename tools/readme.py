#!/usr/bin/env python3
"""Holds README.md to the examples that it shows: each code block named below is the file, byte for byte.

Usage: tools/readme.py [--write]    (`--write` puts the files' text into the README)
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = [
    ("rust", "examples/src/bin/quickstart.rs"),
    ("python", "examples/quickstart.py"),
    ("js", "examples/quickstart.mjs"),
    ("rust", "examples/src/bin/pay_once.rs"),
    ("rust", "examples/src/bin/restart_together.rs"),
    ("rust", "examples/src/bin/heal_stall.rs"),
]


def main() -> int:
    readme = ROOT / "README.md"
    text = readme.read_text()
    stale = []
    for language, name in SHOWN:
        block = re.compile(rf"(<code>{re.escape(name)}</code></summary>\n\n```{language}\n).*?(\n```\n)", re.S)
        source = (ROOT / name).read_text().rstrip("\n")
        new, count = block.subn(lambda match: match[1] + source + match[2], text)
        if count != 1:
            sys.exit(f"README.md does not show {name}")
        if new != text:
            stale.append(name)
        text = new
    if "--write" in sys.argv:
        readme.write_text(text)
    elif stale:
        sys.exit(f"README.md shows an older {', '.join(stale)}: run tools/readme.py --write")
    return 0


if __name__ == "__main__":
    sys.exit(main())
