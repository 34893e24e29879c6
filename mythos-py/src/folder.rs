//! The folder that a log is exported to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use mythos_core::codex::ExportedFile;
use mythos_core::store::StoreError;
use pyo3::PyErr;

/// Where exported files go. Each takes its name only once it is whole, so that who follows the log never reads a part.
///
/// They are not forced to the disk: for the events of a long log that would take minutes, and what a power loss took is
/// written by an export of everything.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// Writes one file; `Unavailable`, with the `OSError` as its cause, if that fails.
    pub(crate) fn write(&self, file: &ExportedFile) -> mythos_core::Result<()> {
        let path = self.place(&file.path)?;
        write_whole(&path, &file.bytes).map_err(|error| {
            let message = format!("write {}: {error}", path.display());
            StoreError::Unavailable { message, source: Some(Box::new(PyErr::from(error))) }.into()
        })
    }

    /// Where a file belongs: below the folder, whatever it is called.
    fn place(&self, path: &str) -> mythos_core::Result<PathBuf> {
        let relative = Path::new(path);
        let is_below = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if path.is_empty() || !is_below {
            let message = format!("the exported file {path:?} is not below the folder");
            return Err(StoreError::Internal { message, source: None }.into());
        }
        Ok(self.0.join(relative))
    }
}

/// Writes a file beside its place, and then moves it there.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    /// Tells the files of exports that run at the same time apart.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    fs::create_dir_all(folder)?;
    let mut unfinished = name.to_owned();
    unfinished.push(format!(".{}-{}.tmp", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let unfinished = folder.join(unfinished);
    let written = File::create_new(&unfinished)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // That it failed is the answer; what is left of it harms nobody.
        let _ = fs::remove_file(&unfinished);
    }
    written
}
