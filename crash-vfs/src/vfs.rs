#![allow(unsafe_code, reason = "a VFS is a table of C functions")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::{fmt, ptr, slice};

use rusqlite::ffi;

use crate::{Event, Record};

/// The operating system's VFS under another name, recording.
///
/// A registered VFS stays registered until the process ends.
#[derive(Clone)]
pub struct CrashVfs(Arc<Shared>);

struct Shared {
    name: String,
    base: Pointer<ffi::sqlite3_vfs>,
    events: Mutex<Vec<Event>>,
    flushes_fail: AtomicBool,
}

/// A file that is open through some [`CrashVfs`].
struct OpenFile {
    path: PathBuf,
    vfs: Arc<Shared>,
    base: Pointer<ffi::sqlite3_io_methods>,
    /// The operating system's VFS flushes the directory with the first flush of a log or journal that it opened.
    flushes_directory: bool,
}

/// A pointer to a table of the operating system's VFS, which lives as long as the process and never changes.
#[derive(Clone, Copy)]
struct Pointer<T>(*const T);

// SAFETY: the tables pointed to are immutable and static.
unsafe impl<T> Send for Pointer<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Pointer<T> {}

/// The open files by the address of SQLite's handle.
static FILES: LazyLock<Mutex<HashMap<usize, OpenFile>>> = LazyLock::new(Mutex::default);

/// For the address of each method table of the operating system's VFS the recording one, kept for ever.
static METHODS: LazyLock<Mutex<HashMap<usize, Pointer<ffi::sqlite3_io_methods>>>> =
    LazyLock::new(Mutex::default);

impl CrashVfs {
    /// Registers a VFS of this name, which must be new in the process.
    ///
    /// # Panics
    /// If SQLite has no default VFS or refuses the registration.
    #[must_use]
    pub fn register(name: &str) -> Self {
        // SAFETY: finding the default VFS has no precondition; it is static.
        let base = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!base.is_null(), "SQLite has no default VFS");
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            base: Pointer(base.cast_const()),
            events: Mutex::default(),
            flushes_fail: AtomicBool::new(false),
        });
        let z_name = CString::new(name).unwrap_or_default().into_raw();
        // SAFETY: `base` is a valid VFS. The copy only differs in what is set here; its other functions do not look
        // into the VFS that they are passed.
        let mut vfs = unsafe { *base };
        vfs.zName = z_name;
        vfs.pNext = ptr::null_mut();
        vfs.pAppData = Arc::into_raw(Arc::clone(&shared)).cast_mut().cast();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        // SAFETY: the VFS, its name and its data are leaked, and so live as long as the registration.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "register the VFS {name}");
        Self(shared)
    }

    /// The name to open databases with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Notes something between the events.
    pub fn mark(&self, mark: u64) {
        self.0.push(Event::Mark(mark));
    }

    /// From now on lets every flush fail, or none; what is to be flushed stays written, as on a failing disk.
    pub fn fail_flushes(&self, fail: bool) {
        self.0.flushes_fail.store(fail, Ordering::SeqCst);
    }

    /// What has happened so far.
    #[must_use]
    pub fn record(&self) -> Record {
        Record(lock(&self.0.events).clone())
    }
}

impl fmt::Debug for CrashVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrashVfs({})", self.0.name)
    }
}

impl Shared {
    fn push(&self, event: Event) {
        lock(&self.events).push(event);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path that SQLite passes.
///
/// # Safety
/// `name` is a valid C string.
unsafe fn path(name: *const c_char) -> PathBuf {
    // SAFETY: the caller's.
    let name = unsafe { CStr::from_ptr(name) };
    PathBuf::from(OsStr::from_bytes(name.to_bytes()))
}

/// The VFS's own data.
///
/// # Safety
/// `vfs` was made by [`CrashVfs::register`].
unsafe fn shared(vfs: *mut ffi::sqlite3_vfs) -> Arc<Shared> {
    // SAFETY: `pAppData` came from `Arc::into_raw` and is never released; this takes a count of its own.
    unsafe {
        let data = (*vfs).pAppData.cast_const().cast::<Shared>();
        Arc::increment_strong_count(data);
        Arc::from_raw(data)
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes the VFS it was registered with.
    let shared = unsafe { shared(vfs) };
    let base = shared.base.0.cast_mut();
    // SAFETY: the arguments are SQLite's, and `base` is the VFS that they are meant for: `file` has its size, since
    // `szOsFile` was copied.
    let code = unsafe {
        (*base).xOpen.map_or(ffi::SQLITE_CANTOPEN, |open| open(base, name, file, flags, out_flags))
    };
    // SAFETY: after `xOpen` the methods are set, or null if there is nothing to close.
    let methods = unsafe { (*file).pMethods };
    // A temporary file has no name, and does not outlive the process anyway.
    if code == ffi::SQLITE_OK && !methods.is_null() && !name.is_null() {
        // SAFETY: `name` is a C string.
        let path = unsafe { path(name) };
        let logs = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
        let flushes_directory = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & logs != 0;
        let open = OpenFile { path, vfs: shared, base: Pointer(methods), flushes_directory };
        lock(&FILES).insert(file.addr(), open);
        // SAFETY: `file` is open; the recording table differs only in functions that call the one it replaces.
        unsafe { (*file).pMethods = recording(methods) };
    }
    code
}

/// The recording form of a method table.
///
/// # Safety
/// `base` is a valid table.
unsafe fn recording(base: *const ffi::sqlite3_io_methods) -> *const ffi::sqlite3_io_methods {
    lock(&METHODS)
        .entry(base.addr())
        .or_insert_with(|| {
            // SAFETY: the caller's.
            let mut methods = unsafe { *base };
            methods.xClose = Some(close);
            methods.xWrite = Some(write);
            methods.xTruncate = Some(truncate);
            methods.xSync = Some(sync);
            Pointer(Box::leak(Box::new(methods)))
        })
        .0
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite passes the VFS it was registered with.
    let shared = unsafe { shared(vfs) };
    let base = shared.base.0.cast_mut();
    // SAFETY: the arguments are SQLite's.
    let code = unsafe { (*base).xDelete.map_or(ffi::SQLITE_OK, |delete| delete(base, name, sync_directory)) };
    if code == ffi::SQLITE_OK {
        // SAFETY: `name` is a C string.
        let file = unsafe { path(name) };
        shared.push(Event::Delete { file });
        if sync_directory != 0 {
            shared.push(Event::SyncDirectory);
        }
    }
    code
}

/// Looks an open file up, and notes what is about to be done with it if that then succeeds.
fn recorded(
    file: *mut ffi::sqlite3_file,
    act: impl FnOnce(&ffi::sqlite3_io_methods) -> Option<c_int>,
    event: impl FnOnce(PathBuf) -> Event,
) -> c_int {
    let files = lock(&FILES);
    let Some(open) = files.get(&file.addr()) else { return ffi::SQLITE_MISUSE };
    let (path, vfs, base) = (open.path.clone(), Arc::clone(&open.vfs), open.base);
    drop(files);
    // SAFETY: the table is the operating system's, static.
    let code = act(unsafe { &*base.0 }).unwrap_or(ffi::SQLITE_IOERR);
    if code == ffi::SQLITE_OK {
        vfs.push(event(path));
    }
    code
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes `length` readable bytes.
    let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), usize::try_from(length).unwrap_or(0)) };
    recorded(
        file,
        // SAFETY: the arguments are SQLite's.
        |base| base.xWrite.map(|write| unsafe { write(file, data, length, offset) }),
        |file| Event::Write { file, offset: offset.unsigned_abs(), bytes: bytes.to_vec() },
    )
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    recorded(
        file,
        // SAFETY: the arguments are SQLite's.
        |base| base.xTruncate.map(|truncate| unsafe { truncate(file, size) }),
        |file| Event::Truncate { file, length: size.unsigned_abs() },
    )
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    if lock(&FILES).get(&file.addr()).is_some_and(|open| open.vfs.flushes_fail.load(Ordering::SeqCst)) {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    let code = recorded(
        file,
        // SAFETY: the arguments are SQLite's.
        |base| base.xSync.map(|sync| unsafe { sync(file, flags) }),
        |file| Event::Sync { file },
    );
    if code == ffi::SQLITE_OK
        && let Some(open) = lock(&FILES).get_mut(&file.addr())
        && std::mem::take(&mut open.flushes_directory)
    {
        open.vfs.push(Event::SyncDirectory);
    }
    code
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let Some(open) = lock(&FILES).remove(&file.addr()) else { return ffi::SQLITE_MISUSE };
    // SAFETY: the file gets back the table it was opened with, and is closed by it.
    unsafe {
        (*file).pMethods = open.base.0;
        (*open.base.0).xClose.map_or(ffi::SQLITE_OK, |close| close(file))
    }
}
