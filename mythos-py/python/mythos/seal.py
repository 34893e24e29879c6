"""Encryption at rest: where a host's keys come from.

Payloads are sealed with XChaCha20-Poly1305 under the provider's active key. Destroying a key erases all that was sealed
under it, in every copy and backup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "KeyProvider",
]


class KeyProvider(Protocol):
    """Where keys come from: a key service, or a secrets manager; `mythos.KeyRing` holds its keys in memory.

    - An id stands for one key for ever. A key is replaced by a new one under a new id.
    - Once `key` answers `None`, nothing that was sealed under the id can be read again. A key that merely cannot be had
      at the moment is `mythos.Unavailable`, not `None`.
    - `key` knows the id that `active` answers. A save that finds the active key missing is refused.
    - Both are called from any thread, also several at a time, once or twice for each payload: one that asks a service
      keeps its answers for a while. They do not call this library back.
    - A `MythosError` that they raise keeps its kind; anything else is `Internal`, with what was raised as its cause. Its
      text must not hold a secret.
    """

    def active(self, /) -> str | None:
        """The id of the key that new payloads are sealed under; `None` to store them unsealed."""

    def key(self, id: str, /) -> Buffer | None:
        """The 32 bytes of the key of this id; `None` if it was destroyed or never known."""
