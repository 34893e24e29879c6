"""`python -m mythos guard`, as a process of its own, on files and in a git repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

POLICY = "# Refunds\n\nYou must refund a customer within 30 days.\n\n- Never share a password.\n"
LOOSER = POLICY.replace("must", "may").replace("30", "90")
FORM = "Refunds\n=======\n\n1. You **must** refund a customer within thirty (30) days.\n2. Never share a password.\n"
REST = "\nA customer is whoever bought something in one of our shops, or by way of our pages on the web.\n"


def guard(place: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mythos", "guard", *arguments]
    done = subprocess.run(command, cwd=place, input=given, capture_output=True, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def git(place: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=place, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits: a policy and code; the policy renamed and made looser; a new prompt."""
    place = tmp_path / "a place"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    (place / "prompts").mkdir()
    (place / "prompts" / "policy.md").write_text(POLICY + REST, "utf-8")
    (place / "code.py").write_text("must = 30\n", "utf-8")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", "one")
    git(place, "mv", "prompts/policy.md", "prompts/règle ,1.md")
    (place / "prompts" / "règle ,1.md").write_text(LOOSER + REST, "utf-8")
    (place / "code.py").write_text("must = 90\n", "utf-8")
    git(place, "commit", "--quiet", "--all", "-m", "two")
    (place / "new.txt").write_text("You must never refund.\n", "utf-8")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", "three")
    return place


def test_files_that_say_the_same_pass(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(POLICY, "utf-8")
    (tmp_path / "b.md").write_text(FORM, "utf-8")
    done = guard(tmp_path, "a.md", "b.md")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == "b.md  none  (3 unchanged)\n1 document, 0 flagged, 0 for a person to decide\n"


def test_a_file_that_says_something_else_is_flagged(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(POLICY, "utf-8")
    (tmp_path / "b.md").write_bytes(b"\xef\xbb\xbf" + LOOSER.encode())
    done = guard(tmp_path, "a.md", "b.md")
    assert done.returncode == 1
    assert "“30 days” became “90 days”" in done.stdout
    assert guard(tmp_path, "a.md", "b.md", "--fail-on", "never").returncode == 0
    strict = ["--accuracy-threshold", "1", "--undecided-from", "1", "--tone-threshold", "1"]
    assert guard(tmp_path, "a.md", "b.md", *strict).returncode == 0
    undecided = ["--accuracy-threshold", "1", "--undecided-from", "0", "--tone-threshold", "1"]
    assert guard(tmp_path, "a.md", "b.md", *undecided).returncode == 0
    assert guard(tmp_path, "a.md", "b.md", *undecided, "--fail-on", "undecided").returncode == 1


def test_directories_are_compared_file_by_file(tmp_path: Path) -> None:
    for version, text in [("old", POLICY), ("new", LOOSER)]:
        (tmp_path / version / "deep").mkdir(parents=True)
        (tmp_path / version / "deep" / "policy.md").write_text(text, "utf-8")
        (tmp_path / version / "code.py").write_text(text, "utf-8")
    (tmp_path / "old" / "gone.txt").write_text(POLICY, "utf-8")
    (tmp_path / "new" / "made.txt").write_text(POLICY, "utf-8")
    done = guard(tmp_path, "old", "new", "--format", "json")
    report = json.loads(done.stdout)
    assert [(one["path"], one["status"]) for one in report["documents"]] == [
        ("new/deep/policy.md", "compared"),
        ("new/gone.txt", "deleted"),
        ("new/made.txt", "created"),
    ]
    assert (done.returncode, report["verdict"] in ("accuracy", "both")) == (1, True)
    included = guard(tmp_path, "old", "new", "--include", "*.py", "--format", "json")
    assert [one["path"] for one in json.loads(included.stdout)["documents"]] == ["new/code.py"]


def test_revisions_are_compared_also_of_a_renamed_file(repository: Path) -> None:
    done = guard(repository, "HEAD~2", "HEAD~1", "--format", "json")
    [document] = json.loads(done.stdout)["documents"]
    assert (document["path"], document["status"], done.returncode) == ("prompts/règle ,1.md", "compared", 1)
    assert (document["old_revision"], document["new_revision"]) == ("HEAD~2", "HEAD~1")
    github = guard(repository, "HEAD~2", "HEAD", "--path", "prompts/", "--format", "github")
    assert github.stdout.startswith("::warning file=prompts/règle %2C1.md,line=3,"), github
    assert guard(repository, "HEAD~1", "HEAD").returncode == 0
    assert guard(repository, "HEAD~1", "HEAD", "--path", "prompts").stdout.startswith("0 documents")
    named = guard(repository, "HEAD~2", "HEAD", "--path", "code.py", "--format", "json")
    assert [one["path"] for one in json.loads(named.stdout)["documents"]] == ["code.py"]


def test_the_working_tree_is_compared_with_a_revision(repository: Path) -> None:
    assert guard(repository, "HEAD").returncode == 0
    (repository / "new.txt").write_text("You may refund.\n", "utf-8")
    assert guard(repository, "HEAD").returncode == 1
    assert guard(repository, "HEAD", "new.txt").returncode == 1
    assert guard(repository, "HEAD", "prompts").returncode == 0
    inside = guard(repository / "prompts", "--since", "HEAD", "../new.txt", "--format", "json")
    assert [one["path"] for one in json.loads(inside.stdout)["documents"]] == ["new.txt"]
    assert inside.returncode == 1
    assert guard(repository, "--since", "HEAD").returncode == 0


def test_a_history_is_audited_across_names(repository: Path) -> None:
    done = guard(repository, "--history", "prompts/règle ,1.md", "--format", "json")
    documents = json.loads(done.stdout)["documents"]
    assert [one["status"] for one in documents] == ["created", "compared"]
    assert documents[1]["comparison"]["verdict"] in ("accuracy", "both")
    everything = guard(repository, "--history", ".", "--format", "json")
    assert len(json.loads(everything.stdout)["documents"]) == 3
    assert guard(repository, "--history", "none.md").returncode == 2


def test_sarif_is_written_to_a_file(repository: Path, tmp_path: Path) -> None:
    done = guard(repository, "HEAD~2", "HEAD", "--format", "sarif", "--output", str(tmp_path / "guard.sarif"))
    assert (done.returncode, done.stdout) == (1, "")
    log: dict[str, Any] = json.loads((tmp_path / "guard.sarif").read_text("utf-8"))
    results = log["runs"][0]["results"]
    assert log["version"] == "2.1.0"
    places = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results}
    assert places == {"prompts/r%C3%A8gle%20%2C1.md"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "an older and a newer version"),
        (["none.md", "neither.md"], "'none.md' is neither a file, nor a directory, nor a revision"),
        (["--output=a", "--not-an-option"], "unrecognized arguments"),
        (["HEAD", "HEAD", "--undecided-from", "2"], "a threshold is from 0 to 1"),
        (["HEAD", "HEAD", "--threads", "0"], "threads"),
        (["--since", "HEAD", "--history", "a"], "exclude one another"),
        (["--since", "HEAD", "missing.md"], "there is no missing.md"),
        (["--pairs", "missing.jsonl"], "missing.jsonl"),
        (["code.py", "prompts"], "two files or two directories"),
        (["--since", "--output=stolen", "code.py"], "expected one argument"),
    ],
)
def test_what_cannot_be_done_is_status_2(repository: Path, arguments: list[str], told: str) -> None:
    done = guard(repository, *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (repository / "stolen").exists()


def test_a_file_that_is_no_text_is_status_2(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"caf\xe9")
    done = guard(tmp_path, "a.md", "a.md")
    assert (done.returncode, done.stderr) == (2, "mythos: a.md is not UTF-8: byte 3 is 0xe9\n")


def test_outside_a_repository_revisions_are_status_2(tmp_path: Path) -> None:
    done = guard(tmp_path, "HEAD~1", "HEAD")
    assert done.returncode == 2
    assert done.stderr.startswith("mythos: git rev-parse: ")


def test_pairs_are_scored_line_by_line(tmp_path: Path) -> None:
    pairs: list[bytes] = [
        json.dumps({"id": 7, "text_a": POLICY, "text_b": LOOSER}).encode(),
        b"",
        b"no pair",
        b'{"text_a": "caf\xe9"}',
        json.dumps({"key": "k", "text_a": POLICY, "text_b": POLICY, "label": 0}).encode(),
    ]
    done = guard(tmp_path, "--pairs", "-", given=b"\n".join(pairs))
    assert done.returncode == 2
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["line"] for line in lines] == [1, 3, 4, 5]
    assert list(lines[0]) == [
        "id", "line", "accuracy", "firmer", "softer", "verdict", "direction", "coverage", "findings",
    ]  # fmt: skip
    assert (lines[0]["id"], lines[3]["key"], "id" in lines[3]) == (7, "k", False)
    assert "error" in lines[1] and "error" in lines[2]
    (tmp_path / "pairs.jsonl").write_bytes(pairs[0] + b"\n" + pairs[4] + b"\n")
    done = guard(tmp_path, "--pairs", "pairs.jsonl", "--output", "scored.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert len((tmp_path / "scored.jsonl").read_text("utf-8").splitlines()) == 2
    (tmp_path / "same.jsonl").write_bytes(pairs[4])
    assert guard(tmp_path, "--pairs", "same.jsonl").returncode == 0


def test_many_pairs_keep_their_order_and_numbers(tmp_path: Path) -> None:
    with (tmp_path / "pairs.jsonl").open("w", encoding="utf-8") as file:
        for number in range(1200):
            pair = {"id": number, "text_a": "Pay within 30 days.", "text_b": f"Pay within {number} days."}
            file.write(json.dumps(pair) + "\n" + ("\n" if number == 700 else ""))
    done = guard(tmp_path, "--pairs", "pairs.jsonl", "--threads", "2")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == list(range(1200))
    assert [line["line"] for line in lines] == [number + (1 if number <= 700 else 2) for number in range(1200)]


@pytest.mark.skipif(os.name == "nt", reason="closed pipes are told otherwise there")
def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path) -> None:
    pair = json.dumps({"text_a": POLICY, "text_b": LOOSER})
    (tmp_path / "pairs.jsonl").write_text(f"{pair}\n" * 3000, "utf-8")
    command = [sys.executable, "-m", "mythos", "guard", "--pairs", "pairs.jsonl"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 2
    process.stderr.close()
