"""The regression guard: two versions of a rule, a prompt or a document compared.

`assess` says how probable it is that an edit changed what a rule says, or how it says it, and why:

    >>> found = assess("Refunds are made within 30 days.", "Refunds are made within 90 days.")
    >>> found["verdict"], found["findings"][0]["message"]
    ('accuracy', 'A number changed: “30 days” became “90 days”. It is larger now.')

`compare_documents` does so of two versions of a file, part by part, also where parts were moved, split or merged:

    >>> old = "# Refunds\\n\\n- You must answer within 30 days.\\n"
    >>> found = compare_documents(old, old.replace("30", "90"))
    >>> found["verdict"], found["changes"][0]["line"]
    ('accuracy', 3)

The verdict comes from the probabilities and the thresholds of a `GuardPolicy`. English is covered; of other languages the
verdict is `undecided`. `python -m mythos guard` does all that on files and git revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from ._mythos import assess, compare_documents, measures, score_lines, write_report
from ._mythos import assess_many as _assess_many
from ._mythos import compare_many as _compare_many
from ._mythos import similarity as _similarity
from .records import (
    Assessment,
    ComparedDocument,
    DocumentComparison,
    DocumentEdit,
    EditFinding,
    EditMeasures,
    EmbedderId,
    GuardPolicy,
    Similarity,
)

__all__ = [
    "Assessment",
    "ComparedDocument",
    "DocumentComparison",
    "DocumentEdit",
    "EditFinding",
    "EditMeasures",
    "Embedder",
    "EmbedderId",
    "GuardPolicy",
    "Similarity",
    "assess",
    "assess_many",
    "compare_documents",
    "compare_many",
    "measures",
    "score_lines",
    "similarity",
    "write_report",
]

_T = TypeVar("_T")
_A = TypeVar("_A")

Progress = Callable[[int, int], object]
"""Called with how many items are done, and how many there are."""

_PAIRS_AT_ONCE = 1024
_DOCUMENTS_AT_ONCE = 32
_EMBEDDED_AT_ONCE = 256


class Embedder(Protocol):
    """What turns texts into vectors: a model of your own, or of any service.

    - `identity` is read once for each call of `similarity`, and always the same for vectors that may be compared.
    - `embed` gives for each text, in their order, as many finite numbers as the identity says: lists, or arrays of any
      library.
    - A `MythosError` that it raises keeps its kind; anything else is `Internal`, with what was raised as its cause.
    """

    @property
    def identity(self) -> EmbedderId:
        """The model, its version, and how many numbers its vectors have."""

    def embed(self, texts: list[str], /) -> Iterable[Iterable[float]]:
        """A vector for each text."""


def assess_many(
    pairs: Iterable[tuple[str, str]],
    policy: GuardPolicy | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Assessment]:
    """Compares many pairs, the older version first; the answers are in their order.

    Works on as many `threads` as the machine has, 64 at the most, while other Python threads run. `progress` is called now
    and then in the calling thread; what it raises ends the work.
    """
    return _in_parts(
        list(pairs),
        _PAIRS_AT_ONCE,
        lambda part, first: _assess_many(part, policy, threads=threads, first=first),
        progress,
    )


def compare_many(
    documents: Iterable[DocumentEdit],
    policy: GuardPolicy | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[ComparedDocument]:
    """Compares the versions of many documents, as `compare_documents` does those of one; otherwise as `assess_many`."""
    return _in_parts(
        list(documents),
        _DOCUMENTS_AT_ONCE,
        lambda part, first: _compare_many(part, policy, threads=threads, first=first),
        progress,
    )


def similarity(pairs: Iterable[tuple[str, str]], embedder: Embedder | None = None) -> list[Similarity]:
    """How alike an embedder finds the texts of each pair: one more hint, which decides nothing.

    Without an embedder, the built-in one compares hashed n-grams of characters, which know letters and no meaning. An edit
    of one number leaves almost any embedding as it was: see `assess`.
    """
    found: list[Similarity] = []
    rest = iter(pairs)
    while part := list(islice(rest, _EMBEDDED_AT_ONCE)):
        found += _similarity(part, embedder)
    return found


def _in_parts(
    items: Sequence[_T], size: int, work: Callable[[Sequence[_T], int], list[_A]], progress: Progress | None
) -> list[_A]:
    # Even a call for nothing checks the other arguments.
    found = work(items[:size], 0)
    for first in range(size, len(items), size):
        if progress is not None:
            progress(first, len(items))
        found += work(items[first : first + size], first)
    if progress is not None:
        progress(len(items), len(items))
    return found
