"""Printing results for people."""

from __future__ import annotations

from typing import Any

from .figures import Duels, Results, write_cpu

HEADER = [
    "peer", "durability", "bytes", "of raw", "empty", "payload",
    "save p50", "p99", "cpu p50", "p99", "all cpu",
    "newest p50", "p99", "random p50", "p99", "list", "peak MiB",
]  # fmt: skip

# A table or an index of a file is named if it takes this part of it.
NOTEWORTHY = 0.02


def print_set(name: str, results: Results, skipped: dict[str, str]) -> None:
    """Prints the table of one set, and what explains it."""
    first = next(iter(results.values()), None)
    if first is not None:
        print(
            f"\n{name}: {first['entries']:,} states of {first['sessions']} sessions,"
            f" {first['raw']:,} bytes of compact JSON"
            f" (times in ms; `list` is of the {first['list']['listed']} newest of the largest session)"
        )
        print_table(HEADER, [row(peer, result) for peer, result in results.items()])
    for peer, result in results.items():
        print_notes(peer, result)
    for peer, reason in skipped.items():
        print(f"  {peer}: not measured: {reason}")


def row(peer: str, result: dict[str, Any]) -> list[str]:
    """What was measured of one peer."""
    save = result.get("save")
    return [
        peer,
        result["durability"],
        f"{result['sizes']['file']:,}",
        f"{result['sizes']['file'] / result['raw']:.4f}",
        f"{result['empty']:,}",
        f"{result['payload']:,}" if "payload" in result else "-",
        *([number(save[key]) for key in ("p50", "p99", "cpu_p50", "cpu_p99")] if save else ["-"] * 4),
        number(write_cpu(result)),
        *(number(result[kind][key]) for kind in ("newest", "random") for key in ("p50", "p99")),
        number(result["list"]["p50"]),
        f"{result['peak'] / 2**20:.1f}",
    ]


def print_notes(peer: str, result: dict[str, Any]) -> None:
    """Prints what the columns do not say."""
    sizes, saved = result["sizes"], result["saved"]
    if saved["file"] != sizes["file"]:
        newest = result.get("newest_unfinished")
        print(
            f"  {peer}: {saved['file']:,} bytes before and {sizes['file']:,} after {result['finish_seconds']:.1f} s of"
            f" finishing, {result['finish_cpu_per_entry']:.3f} ms of processor an entry"
            + (f"; newest p50 before it {number(newest['p50'])}, p99 {number(newest['p99'])}" if newest else "")
        )
    rest = {part: size for part, size in sizes.items() if part != "file" and size >= NOTEWORTHY * sizes["file"]}
    if rest:
        print(f"  {peer}: " + ", ".join(f"{part} {size:,}" for part, size in rest.items()))


def print_duels(duels: Duels) -> None:
    """Prints the times of MythOS, SqliteSaver and packing alone taking turns."""
    header = ["taking turns", "durability", "save p50", "p99", "cpu p50", "p99"]
    header += ["newest before finishing", "newest p50", "p99"]
    rows = []
    for durability, sides in duels.items():
        for name, side in zip(("mythos", "sqlitesaver", "packing alone"), sides, strict=True):
            times = [side["save"][key] for key in ("p50", "p99", "cpu_p50", "cpu_p99")]
            times += [side["newest_unfinished"]["p50"], side["newest"]["p50"], side["newest"]["p99"]]
            rows.append([name, durability, *map(number, times)])
    if rows:
        print_table(header, rows)


def number(value: float) -> str:
    """A time in milliseconds with three digits that count."""
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Prints a table; the first two columns are text, the others are aligned to the right."""
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    for line in [header, *rows]:
        cells = [f"{cell:<{width}}" if column < 2 else f"{cell:>{width}}"
                 for column, (cell, width) in enumerate(zip(line, widths, strict=True))]  # fmt: skip
        print("  " + "  ".join(cells))
