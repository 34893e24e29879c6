"""What is exported of a log, read by others: by plain Python, and by an implementation of C2SP tlog-tiles."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import mythos
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from mythos import tlog
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tlog import ConsistencyProof, InclusionProof, InclusionProofInvalid

from test_codex_proofs import signer, support, texts

WIDTH = 256


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(nodes: Sequence[bytes]) -> bytes:
    """The root over neighbouring nodes of one level (RFC 9162 §2.1.1)."""
    if len(nodes) == 1:
        return nodes[0]
    split = 1 << ((len(nodes) - 1).bit_length() - 1)
    return sha256(b"\1", root_of(nodes[:split]), root_of(nodes[split:]))


def chunks(data: bytes, length: int) -> list[bytes]:
    return [data[at : at + length] for at in range(0, len(data), length)]


def names(kind: str, count: int) -> list[str]:
    """The paths of the tiles of a level with so many nodes (C2SP tlog-tiles); fewer than a thousand tiles."""
    full = [f"{kind}/{index:03}" for index in range(count // WIDTH)]
    rest = count % WIDTH
    return full + ([f"{kind}/{count // WIDTH:03}.p/{rest}"] if rest else [])


def read_entries(folder: Path, size: int) -> list[bytes]:
    """The entries of all bundles: each a length of two bytes, and what it counts."""
    entries = []
    for name in names("tile/entries", size):
        data = (folder / name).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
    return entries


def digest_of_last(codices: mythos.CodexProofOfSymbolEngine) -> str:
    return codices.codex("support")["mutation_trail_hash"]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def exported(home: mythos.Mythos, folder: Path, length: int) -> tuple[mythos.CodexProofOfSymbolEngine, str]:
    codices = support(home, length)
    checkpoint = codices.checkpoint("support", [signer(codices)])
    codices.export("support", checkpoint, folder, with_events=True)
    return codices, checkpoint


@pytest.mark.parametrize("length", [1, 3, 255, 256, 257, 600])
def test_plain_python_derives_the_root_that_is_signed(tmp_path: Path, length: int) -> None:
    codices, checkpoint = exported(mythos.Mythos.in_memory(), tmp_path, length)
    assert (tmp_path / "checkpoint").read_text("utf-8") == checkpoint
    text, _, signatures = checkpoint.rpartition("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, int(size)) == (codices.origin("support"), length)

    # From the entries, and from the lowest tiles, of which the last is a partial one.
    entries = read_entries(tmp_path, length)
    leaves = [sha256(b"\0", entry) for entry in entries]
    level = names("tile/0", length)
    assert [node for name in level for node in chunks((tmp_path / name).read_bytes(), 32)] == leaves
    assert base64.b64encode(root_of(leaves)).decode() == root == codices.codex("support")["tree_root"]
    # The tiles above hold the roots of the full ones below.
    above = [root_of(leaves[at : at + WIDTH]) for at in range(0, length - WIDTH + 1, WIDTH)]
    higher = [node for name in names("tile/1", len(above)) for node in chunks((tmp_path / name).read_bytes(), 32)]
    assert higher == above
    # The entries are the digests of the events.
    trail = codices.trail("support", limit=1_000)["items"]
    assert [entry.hex() for entry in entries] == [entry["digest"] for entry in trail]
    events = [(tmp_path / f"events/{index}").read_bytes() for index in range(length)]
    assert tlog.verify_chain(events, threads=3) == digest_of_last(codices)
    if length > 2:
        for broken in (events[1:], [*events[:1], *events[2:]], [*events, events[-1]], [events[0], *events[:0:-1]]):
            with pytest.raises(mythos.Corrupt):
                tlog.verify_chain(broken)

    # The note's signature is Ed25519 over its text.
    dash, name, blob = signatures.rstrip("\n").split(" ")
    key_name, key_id, key = signer(codices).verifier_key.split("+", 2)
    assert (dash, name, key_name) == ("\u2014", origin, origin)
    public, signature = base64.b64decode(key), base64.b64decode(blob)
    assert signature[:4].hex() == key_id == sha256(origin.encode(), b"\n", public)[:4].hex()
    verifier = Ed25519PublicKey.from_public_bytes(public[1:])
    verifier.verify(signature[4:], f"{text}\n".encode())
    with pytest.raises(InvalidSignature):
        verifier.verify(signature[4:], f"{text} \n".encode())


def test_what_is_no_chain_is_refused() -> None:
    assert tlog.verify_chain([]) is None
    for wrong, field in ((3, "events"), ([b"", "text"], "events[1]")):
        with pytest.raises(mythos.Invalid) as caught:
            tlog.verify_chain(wrong)  # type: ignore[arg-type]
        assert caught.value.field == field
    with pytest.raises(mythos.Invalid) as caught:
        tlog.verify_chain([], threads=0)
    assert caught.value.field == "threads"
    with pytest.raises(mythos.Corrupt):
        tlog.verify_chain([bytearray(b"no event")])


def test_another_implementation_follows_the_log(tmp_path: Path) -> None:
    codices, _ = exported(mythos.Mythos.in_memory(), tmp_path, 600)
    witness = tlog.CosignatureSigner("w.example", bytes([9]) * 32)
    old_tree, had = codices.tree("support"), 600
    codices.mutate_all("support", texts(600, 300), listing="later")
    signed = witness.cosign(codices.checkpoint("support", [signer(codices)]), 1_795_249_800)
    codices.export("support", signed, str(tmp_path), had=had)

    reader = TilesReader(LocalBackend(tmp_path))
    checkpoint = reader.get_checkpoint()
    assert (checkpoint.origin, checkpoint.size) == (codices.origin("support"), 900)
    for key in (signer(codices).verifier_key, witness.verifier_key):
        checkpoint.verify(Vkey.from_string(key))
    assert reader.calculate_root_hash() == checkpoint.root_hash
    # Its proofs are ours, and it accepts ours.
    tree = codices.tree("support")

    def raw(hashes: list[str]) -> list[bytes]:
        return [base64.b64decode(hash) for hash in hashes]

    for index in range(0, 900, 97):
        leaf = sha256(b"\0", reader.get_entry(index))
        proof = tree.inclusion(index)
        theirs = InclusionProof(proof["index"], proof["size"], raw(proof["hashes"]))
        assert theirs == reader.get_inclusion_proof(index, 900)
        theirs.check(leaf, checkpoint.root_hash)
        with pytest.raises(InclusionProofInvalid):
            theirs.check(sha256(leaf), checkpoint.root_hash)
        assert tlog.leaf_hash(reader.get_entry(index)) == base64.b64encode(leaf).decode()
    for old in (1, 255, 256, 512, 600, 899):
        grown = tree.consistency(old)
        consistent = ConsistencyProof(old, 900, raw(grown["hashes"]))
        assert consistent == reader.get_consistency_proof(old, 900)
        before = old_tree if old <= had else tree
        consistent.check(base64.b64decode(before.root(old)), checkpoint.root_hash)


def test_an_export_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    home = mythos.Mythos.in_memory()
    codices, _ = exported(home, tmp_path / "grown", 300)
    before = {name: (tmp_path / "grown" / name).stat().st_mtime_ns for name in files(tmp_path / "grown")}
    codices.mutate_all("support", texts(300, 300))
    checkpoint = codices.checkpoint("support", [signer(codices)])
    codices.export("support", checkpoint, tmp_path / "grown", had=300, with_events=True)
    codices.export("support", checkpoint, tmp_path / "new" / "deep", with_events=True)
    grown, new = files(tmp_path / "grown"), files(tmp_path / "new" / "deep")
    assert new <= grown
    assert all((tmp_path / "grown" / name).read_bytes() == (tmp_path / "new" / "deep" / name).read_bytes() for name in new)
    written = {name for name, at in before.items() if (tmp_path / "grown" / name).stat().st_mtime_ns != at}
    assert written == {"checkpoint"}
    assert not [name for name in grown if name.endswith(".tmp")]
    codices.export("support", checkpoint, tmp_path / "without")
    assert not [name for name in files(tmp_path / "without") if name.startswith("events/")]


def test_a_checkpoint_of_another_log_is_not_exported(tmp_path: Path) -> None:
    codices, checkpoint = exported(mythos.Mythos.in_memory(), tmp_path / "log", 3)
    other = support(mythos.Mythos.in_memory(), 3)
    with pytest.raises(mythos.Invalid) as caught:
        other.export("support", checkpoint, tmp_path / "other")
    assert caught.value.field == "checkpoint"
    assert not (tmp_path / "other").exists()


def test_a_file_that_cannot_be_written_is_unavailable_and_the_old_checkpoint_stays(tmp_path: Path) -> None:
    codices, first = exported(mythos.Mythos.in_memory(), tmp_path, 3)
    codices.mutate_all("support", texts(3, 3))
    checkpoint = codices.checkpoint("support", [signer(codices)])
    # Where a folder is wanted, there is a file.
    blocked = tmp_path / "tile" / "entries" / "000.p"
    for path in blocked.iterdir():
        path.unlink()
    blocked.rmdir()
    blocked.touch()
    with pytest.raises(mythos.Unavailable, match="000.p") as caught:
        codices.export("support", checkpoint, tmp_path, had=3)
    assert isinstance(caught.value.__cause__, OSError)
    assert (tmp_path / "checkpoint").read_text("utf-8") == first
    blocked.unlink()
    codices.export("support", checkpoint, tmp_path, had=3)
    assert (tmp_path / "checkpoint").read_text("utf-8") == checkpoint
    assert not [name for name in files(tmp_path) if name.endswith(".tmp")]
