//! The demo as a whole: real processes, really killed, over a small tree that is made here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How many files the tree has: more than the fewest that the demo takes.
const FILES: usize = 42;

/// Writes a tree whose files are long enough that a save takes longer than a signal.
fn write_tree(root: &Path) {
    for file in 0..FILES {
        let mut text = format!("//! File {file}. TODO: write it.\n");
        for line in 0..200 {
            // Numbers that do not repeat, so that they do not compress to nothing.
            let number = (file * 200 + line).wrapping_mul(2_654_435_761) % 1_000_000_007;
            writeln!(text, "const VALUE_{line}: u64 = {number};").unwrap();
        }
        let directory = root.join(format!("part{}", file % 5));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("file{file}.rs")), text).unwrap();
    }
}

/// Runs the demo over a tree and gives its report, that of the crew, and its figures.
fn run(seed: &str) -> ([String; 2], Vec<(String, f64)>) {
    let directory = tempfile::tempdir().unwrap();
    let (tree, keep) = (directory.path().join("source"), directory.path().join("kept"));
    write_tree(&tree);
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg(&tree)
        .args(["--seed", seed, "--steps", "40", "--keep"])
        .arg(&keep)
        .output()
        .unwrap();
    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{told}\n{complained}", output.status);
    look_inside(&told);
    let figures = told.lines().filter_map(|line| line.strip_prefix("figure ")).map(|figure| {
        let (name, value) = figure.split_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    let report = |name| fs::read_to_string(keep.join(name)).unwrap();
    (["mythos-report.txt", "crew-report.txt"].map(report), figures.collect())
}

/// Runs the line of Python that the demo names.
fn look_inside(told: &str) {
    let line = told.lines().map(str::trim).find(|line| line.starts_with("python3 -c")).unwrap();
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(shown.lines().count(), 4, "{line}\n{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    let is_listed = |beginning: &str| shown.lines().any(|line| line.starts_with(beginning));
    // Forty steps, the state before them, and one that was done again.
    assert!(is_listed("('auditor', 'source-audit', 42, "), "{shown}");
    for role in ["reader", "checker", "editor"] {
        assert!(is_listed(&format!("('{role}', '{role}-work', ")), "{shown}");
    }
}

fn check(figures: &[(String, f64)]) {
    let names: Vec<_> = figures.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "demo.acknowledged_steps_lost",
        "demo.steps_redone_after_damage",
        "demo.kills",
        "demo.stored_over_raw",
        "demo.payments_not_made_once",
        "demo.tree_restarts",
        "demo.stalls_healed",
    ];
    assert_eq!(names, expected);
    let [lost, redone, kills, stored_over_raw, wrong, restarts, healed] =
        [0, 1, 2, 3, 4, 5, 6].map(|index| figures[index].1);
    assert_eq!((lost, wrong), (0.0, 0.0));
    // The checker and the editor, then all three, and the checker that went round in circles.
    assert_eq!((restarts, healed), (6.0, 1.0));
    assert!(redone >= 1.0, "{redone}");
    assert!(kills >= 10.0, "{kills}");
    assert!(stored_over_raw > 0.0 && stored_over_raw < 1.0, "{stored_over_raw}");
}

#[test]
fn every_promise_is_kept_whenever_the_worker_is_killed() {
    let (first, figures) = run("1");
    check(&figures);
    let (second, figures) = run("2");
    check(&figures);
    assert_eq!(first, second, "when workers are killed does not show in the reports");
    let [audit, crew] = first;
    assert!(audit.starts_with("Audit of 40 files\n"), "{audit}");
    assert!(audit.contains("open-work        40\n"), "{audit}");
    assert!(crew.starts_with("The crew's report on 40 files\n"), "{crew}");
    assert_eq!(crew.matches("    open-work: line 1\n").count(), 40, "{crew}");
    assert!(audit.ends_with(crew.split_once("\n\n").unwrap().1), "both say the same of each file");
}

#[test]
fn a_tree_that_is_too_small_and_a_directory_in_use_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let demo = |tree: &Path, keep: &Path| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_demo")).arg(tree).arg("--keep").arg(keep).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let (tree, keep) = (directory.path().join("source"), directory.path().join("kept"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("one.rs"), "fn one() {}\n").unwrap();
    assert!(demo(&tree, &keep).contains("1 text files"));
    assert!(demo(&tree, &tree).contains("is not empty"));
}
