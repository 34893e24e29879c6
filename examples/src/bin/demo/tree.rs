//! The files to audit: found in a fixed order, and copied, so that nobody's editor changes what two runs compare.

use std::fs;
use std::path::Path;

use mythos_core::types::Digest;
use serde::{Deserialize, Serialize};

use crate::Result;

/// Names of what is kept by tools, built or fetched, not written: directories, but in a git worktree `.git` is a file.
const SKIPPED: [&str; 7] = [".git", ".venv", "__pycache__", "build", "dist", "node_modules", "target"];

/// The largest file that is read. A longer one is generated, as a rule, and would be most of the state.
const MAX_FILE_BYTES: u64 = 128 << 10;

/// A file to audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// Its path below the root of the tree, with `/` between the names.
    pub(crate) path: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// The digest of its text.
    pub(crate) digest: Digest,
}

impl Source {
    /// Reads its text from the copy at `tree`.
    pub(crate) fn read(&self, tree: &Path) -> Result<String> {
        let text = fs::read_to_string(tree.join(&self.path))?;
        let found = Digest::of(text.as_bytes());
        if found == self.digest {
            Ok(text)
        } else {
            let (path, expected) = (&self.path, self.digest);
            Err(format!("{path} changed since the audit began: expected {expected}, found {found}").into())
        }
    }
}

/// Copies the text files below `directory` to `copy`, at most `limit` of them, and lists them by path.
pub(crate) fn snapshot(directory: &Path, copy: &Path, limit: usize) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    visit(directory, "", copy, limit, &mut sources)?;
    Ok(sources)
}

fn visit(directory: &Path, prefix: &str, copy: &Path, limit: usize, sources: &mut Vec<Source>) -> Result<()> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", directory.display());
    let mut entries =
        fs::read_dir(directory).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // A name that is not Unicode has no place in JSON; a symbolic link may lead anywhere.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (path, kind) = (format!("{prefix}{name}"), entry.file_type()?);
        if sources.len() >= limit {
            return Ok(());
        } else if SKIPPED.contains(&name.as_str()) {
            continue;
        } else if kind.is_dir() {
            visit(&entry.path(), &format!("{path}/"), copy, limit, sources)?;
        } else if kind.is_file() && entry.metadata()?.len() <= MAX_FILE_BYTES {
            let bytes = fs::read(entry.path())?;
            let is_text = !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok();
            if is_text && !bytes.is_empty() {
                let target = copy.join(&path);
                fs::create_dir_all(target.parent().unwrap_or(copy))?;
                fs::write(target, &bytes)?;
                sources.push(Source { path, bytes: bytes.len() as u64, digest: Digest::of(&bytes) });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_order_and_only_those_that_people_write() {
        let directory = tempfile::tempdir().unwrap();
        let (root, copy) = (directory.path().join("root"), directory.path().join("copy"));
        for (path, bytes) in [
            ("b/two.rs", &b"fn two() {}\n"[..]),
            ("a.txt", b"a\n"),
            ("z.bin", b"\0"),
            ("z.latin1", b"\xe9"),
            ("empty", b""),
            ("target/built.rs", b"no\n"),
            (".git", b"no\n"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), bytes).unwrap();
        }
        fs::write(root.join("huge"), vec![b'x'; MAX_FILE_BYTES as usize + 1]).unwrap();
        let sources = snapshot(&root, &copy, 10).unwrap();
        let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
        assert_eq!(paths, ["a.txt", "b/two.rs"]);
        assert_eq!(sources[1].read(&copy).unwrap(), "fn two() {}\n");
        fs::write(copy.join("a.txt"), "b\n").unwrap();
        assert!(sources[0].read(&copy).unwrap_err().to_string().contains("a.txt changed"));
        assert_eq!(snapshot(&root, &copy, 1).unwrap().len(), 1);
    }
}
