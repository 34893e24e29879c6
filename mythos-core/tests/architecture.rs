//! Holds the architecture invariants of ARCHITECTURE.md by reading the sources.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which modules each module may use; everything may use itself. New modules are added here, to the right of what
/// they stand on.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("types", &["error"]),
    ("observe", &[]),
    ("seal", &["error", "types"]),
    ("tlog", &["error", "types", "seal"]),
    ("canonical", &["error", "types"]),
    ("text", &[]),
    ("store", &["error", "types", "canonical"]),
    ("ritual", &["error", "types", "seal", "canonical", "store"]),
    ("journal", &["error", "types", "seal", "store", "ritual"]),
    ("log", &["error", "types", "tlog", "store"]),
    ("codex", &["error", "types", "tlog", "store", "log"]),
    ("regression", &["error", "types", "canonical", "text", "store", "codex"]),
    ("restart", &["error", "types", "observe", "canonical", "store", "ritual", "codex"]),
    ("healing", &["error", "types", "observe", "store", "codex", "restart"]),
    (
        "anchor",
        &["error", "types", "seal", "tlog", "canonical", "store", "log", "ritual", "codex", "restart"],
    ),
    ("view", &["error", "types", "store", "ritual", "codex", "regression", "restart", "healing"]),
    (
        "mythos",
        &[
            "error",
            "types",
            "seal",
            "canonical",
            "store",
            "journal",
            "ritual",
            "codex",
            "regression",
            "restart",
            "healing",
            "anchor",
        ],
    ),
    ("testing", &["error", "types", "canonical", "store", "ritual", "codex", "restart", "anchor", "mythos"]),
];

/// Files that hold a policy: values in, values out. They touch neither the store nor a clock.
const PURE: &[&str] = &[
    "seal/associated.rs",
    "seal/cipher.rs",
    "seal/key.rs",
    "seal/mod.rs",
    "seal/provider.rs",
    "seal/ring.rs",
    "tlog/checkpoint.rs",
    "tlog/encoding.rs",
    "tlog/equivocation.rs",
    "tlog/frontier.rs",
    "tlog/hash.rs",
    "tlog/log_proof.rs",
    "tlog/mod.rs",
    "tlog/note.rs",
    "tlog/policy.rs",
    "tlog/policy/text.rs",
    "tlog/proof.rs",
    "tlog/signer.rs",
    "tlog/tile.rs",
    "tlog/tile_reader.rs",
    "tlog/tree.rs",
    "tlog/verifier_key.rs",
    "ritual/card.rs",
    "ritual/dictionary.rs",
    "ritual/entropy.rs",
    "ritual/formats.rs",
    "ritual/frame.rs",
    "ritual/intent.rs",
    "ritual/novelty.rs",
    "ritual/pool.rs",
    "ritual/splice.rs",
    "ritual/splice/pieces.rs",
    "ritual/payload.rs",
    "ritual/stall.rs",
    "ritual/stem.rs",
    "ritual/training.rs",
    "ritual/training/candidates.rs",
    "journal/content.rs",
    "journal/key.rs",
    "journal/policy.rs",
    "log/cbor.rs",
    "log/edge.rs",
    "anchor/edge.rs",
    "anchor/finding.rs",
    "anchor/found.rs",
    "anchor/mac.rs",
    "anchor/statement.rs",
    "codex/chain.rs",
    "codex/derive.rs",
    "codex/finding.rs",
    "codex/opening.rs",
    "codex/state.rs",
    "codex/tail.rs",
    "codex/tree.rs",
    "codex/wire.rs",
    "regression/assessment.rs",
    "regression/diff.rs",
    "regression/matching.rs",
    "regression/policy.rs",
    "regression/refit.rs",
    "healing/action.rs",
    "healing/budget.rs",
    "healing/condition.rs",
    "healing/effect.rs",
    "healing/flap.rs",
    "healing/incident.rs",
    "healing/machine.rs",
    "healing/plan.rs",
    "healing/protocol.rs",
    "healing/rule.rs",
    "healing/score.rs",
    "healing/target.rs",
    "healing/transition.rs",
    "restart/machine.rs",
    "restart/backoff.rs",
    "restart/detector.rs",
    "restart/detector/intervals.rs",
    "restart/detector/policy.rs",
    "restart/detector/tail.rs",
    "restart/monitor.rs",
    "restart/exit.rs",
    "restart/policy.rs",
    "restart/transitions.rs",
    "restart/window.rs",
];

/// Files that say what cells hold and are called: they name the store's values, and reach neither it nor a clock.
const PURE_ON_STORED_VALUES: &[&str] =
    &["ritual/cell.rs", "ritual/record.rs", "anchor/cell.rs", "anchor/record.rs"];

/// The longest source file, in lines: past it, a file wants to be two.
const MAX_LINES: usize = 800;

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    let mut left: Vec<PathBuf> = vec![root.clone()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            sources.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    assert!(sources.len() > 20, "the sources were found");
    sources
}

/// The top-level module of a file.
fn module_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The names after `crate::` in a source, outside of comments; every name of `crate::{a, b}`.
fn crate_uses(source: &str) -> Vec<String> {
    let mut uses = Vec::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let names = rest.strip_prefix('{').map_or(rest, |group| group.split('}').next().unwrap_or(group));
            for name in names.split(',').map(str::trim) {
                let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // The root re-exports these; the module is what counts.
                let module = match name.as_str() {
                    "Error" | "ErrorKind" | "Result" => "error",
                    "Mythos" | "TABLES" => "mythos",
                    other => other,
                };
                if !module.is_empty() {
                    uses.push(module.to_owned());
                }
                if !rest.starts_with('{') {
                    break;
                }
            }
        }
    }
    uses
}

#[test]
fn modules_use_only_what_stands_to_their_left() {
    let names: Vec<_> = MAY_USE.iter().map(|(name, _)| *name).collect();
    for (file, source) in sources() {
        let module = module_of(&file);
        if module == "lib" {
            continue;
        }
        let (_, may_use) = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("module {module} is missing in MAY_USE"));
        for used in crate_uses(&source) {
            assert!(
                names.contains(&used.as_str()),
                "{file} uses crate::{used}, which is no module of MAY_USE"
            );
            assert!(used == module || may_use.contains(&used.as_str()), "{file} may not use crate::{used}");
        }
    }
}

#[test]
fn the_table_of_modules_has_no_circle() {
    for (index, (name, may_use)) in MAY_USE.iter().enumerate() {
        for used in *may_use {
            assert!(MAY_USE[..index].iter().any(|(left, _)| left == used), "{used} stands right of {name}");
        }
    }
}

#[test]
fn policies_touch_neither_the_store_nor_a_clock() {
    let sources = sources();
    let effects = ["Runtime", "Clock", "Instant", "SystemTime", "Access", "access::", "dyn Store"];
    let files = PURE.iter().map(|file| (file, &["crate::store"][..]));
    for (file, forbidden) in files.chain(PURE_ON_STORED_VALUES.iter().map(|file| (file, &[][..]))) {
        let source = sources.get(*file).unwrap_or_else(|| panic!("{file} is gone: mend PURE"));
        let code = source.split("#[cfg(test)]").next().unwrap();
        for forbidden in effects.iter().chain(forbidden) {
            assert!(!code.contains(forbidden), "{file} is a policy and uses {forbidden}");
        }
    }
}

#[test]
fn files_hold_one_concept_each() {
    for (file, source) in sources() {
        let limit = if file == "lib.rs" { 200 } else { MAX_LINES };
        let lines = source.lines().count();
        assert!(lines <= limit, "{file} has {lines} lines, more than {limit}");
    }
}
