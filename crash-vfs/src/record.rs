use std::collections::BTreeMap;
use std::path::PathBuf;

/// Something that happened to the files, or that the test said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Bytes were written.
    Write {
        /// To this file.
        file: PathBuf,
        /// From this byte on.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A file was cut or lengthened.
    Truncate {
        /// The file.
        file: PathBuf,
        /// Its length afterwards.
        length: u64,
    },
    /// A file was flushed.
    Sync {
        /// The file.
        file: PathBuf,
    },
    /// The directory was flushed: deletions survive.
    SyncDirectory,
    /// A file was deleted.
    Delete {
        /// The file.
        file: PathBuf,
    },
    /// The test noted something, such as that a commit was acknowledged.
    Mark(u64),
}

/// The files after a power loss, by their paths.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What happened, in order.
#[derive(Debug, Clone, Default)]
pub struct Record(pub(crate) Vec<Event>);

impl Record {
    /// Everything that happened.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.0
    }

    /// The moments around each flush: just before, and just after.
    #[must_use]
    pub fn flush_boundaries(&self) -> Vec<usize> {
        let is_flush = |event: &Event| matches!(event, Event::Sync { .. });
        let flushes = self.0.iter().enumerate().filter(|(_, event)| is_flush(event));
        flushes.flat_map(|(index, _)| [index, index + 1]).collect()
    }

    /// What the test noted before `moment`.
    pub fn marks_before(&self, moment: usize) -> impl Iterator<Item = u64> {
        self.0[..moment].iter().filter_map(|event| match event {
            Event::Mark(mark) => Some(*mark),
            _ => None,
        })
    }

    /// The files had the power failed when the first `moment` events had happened. Of what was not flushed, that
    /// survives for which `survives` says so.
    pub fn after_power_loss(&self, moment: usize, mut survives: impl FnMut(&Event) -> bool) -> Files {
        let mut files = Files::new();
        let mut unflushed: BTreeMap<&PathBuf, Vec<&Event>> = BTreeMap::new();
        for event in &self.0[..moment] {
            match event {
                Event::Mark(_) => {}
                Event::Sync { file } => {
                    for event in unflushed.remove(file).unwrap_or_default() {
                        apply(&mut files, event);
                    }
                }
                Event::SyncDirectory => {
                    for events in unflushed.values_mut() {
                        let is_deletion = |event: &&Event| matches!(event, Event::Delete { .. });
                        let settled = events.iter().rposition(is_deletion).map_or(0, |index| index + 1);
                        for event in events.drain(..settled) {
                            apply(&mut files, event);
                        }
                    }
                }
                Event::Write { file, .. } | Event::Truncate { file, .. } | Event::Delete { file } => {
                    unflushed.entry(file).or_default().push(event);
                }
            }
        }
        for event in unflushed.into_values().flatten() {
            if survives(event) {
                apply(&mut files, event);
            }
        }
        files
    }
}

fn apply(files: &mut Files, event: &Event) {
    match event {
        Event::Write { file, offset, bytes } => {
            let content = files.entry(file.clone()).or_default();
            let start = *offset as usize;
            let end = start + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[start..end].copy_from_slice(bytes);
        }
        Event::Truncate { file, length } => {
            files.entry(file.clone()).or_default().resize(*length as usize, 0);
        }
        Event::Delete { file } => drop(files.remove(file)),
        Event::Sync { .. } | Event::SyncDirectory | Event::Mark(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_flushed_is_sure_to_survive() {
        let file = PathBuf::from("/f");
        let write = |offset, bytes: &[u8]| Event::Write { file: file.clone(), offset, bytes: bytes.to_vec() };
        let record = Record(vec![
            write(0, b"ab"),
            Event::Sync { file: file.clone() },
            Event::Mark(7),
            write(1, b"xyz"),
            Event::Truncate { file: file.clone(), length: 3 },
            Event::Delete { file: file.clone() },
            Event::SyncDirectory,
        ]);
        assert_eq!(record.flush_boundaries(), [1, 2]);
        assert!(record.after_power_loss(1, |_| false).is_empty());
        assert_eq!(record.after_power_loss(1, |_| true)[&file], b"ab");
        assert_eq!(record.after_power_loss(6, |_| false)[&file], b"ab");
        assert_eq!(record.after_power_loss(5, |_| true)[&file], b"axy");
        assert!(record.after_power_loss(6, |_| true).is_empty());
        assert!(record.after_power_loss(7, |_| false).is_empty());
        assert_eq!(record.marks_before(2).count(), 0);
        assert_eq!(record.marks_before(3).collect::<Vec<_>>(), [7]);
    }
}
