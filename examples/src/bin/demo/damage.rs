//! Damage on disk: a byte of a stored checkpoint flips, behind the library's back.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::Result;

/// Flips one bit in the middle of the newest frame of the only ritual in the database at `path`.
///
/// Payloads are cells of their ritual's head. The names of those that are stored whole begin with `w`, behind which stands
/// their position in the ritual's history, so that the greatest is the newest.
pub(crate) fn flip_newest_frame(path: &Path) -> Result<()> {
    let connection = Connection::open(path)?;
    let newest = connection
        .query_row(
            "SELECT cell, bytes FROM cells JOIN cell_owners USING (owner)
             WHERE record_table = 'ritual_heads' AND substr(name, 1, 1) = x'77' ORDER BY name DESC LIMIT 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )
        .optional()?;
    let (cell, mut frame) = newest.ok_or("there is no checkpoint to damage")?;
    let middle = frame.len() / 2;
    frame[middle] ^= 1;
    connection.execute("UPDATE cells SET bytes = ?1 WHERE cell = ?2", (frame, cell))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mythos_core::ritual::SaveRitual;
    use mythos_core::{ErrorKind, Mythos};

    #[test]
    fn the_newest_checkpoint_and_only_that_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mythos.db");
        let mythos = Mythos::open(&path).unwrap();
        let rituals = mythos.rituals();
        let save = |payload: &[u8]| {
            let save = SaveRitual::new("ana".parse().unwrap(), "refund".parse().unwrap());
            rituals.save(&save, payload).unwrap().entry
        };
        let (older, newest) = (save(b"one"), save(b"two"));
        flip_newest_frame(&path).unwrap();
        assert_eq!(rituals.restore(newest).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(rituals.restore(older).unwrap().payload, b"one");
    }
}
