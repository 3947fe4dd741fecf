//! A file that gets its name when it is whole, and standard output.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::SnapshotError;

/// Where text goes.
pub enum Out {
    /// Standard output.
    Stdout(io::Stdout),
    /// A file.
    File(Partial),
}

/// A file under the name `<file>.part`, until it is whole. Dropped before that, it is gone.
pub struct Partial {
    file: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
    force: bool,
}

impl Out {
    /// Standard output, or a file that is begun. With `force`, the file may be there already.
    ///
    /// # Errors
    /// [`SnapshotError::Exists`] or [`SnapshotError::Write`].
    pub fn open(path: Option<&Path>, force: bool) -> Result<Self, SnapshotError> {
        let Some(path) = path else { return Ok(Self::Stdout(io::stdout())) };
        free(path, force)?;
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // What a run left behind that was killed is worth nothing: nobody can go on with it.
        let file = File::create(&part).map_err(|error| SnapshotError::Write(part.display().to_string(), error))?;
        Ok(Self::File(Partial { file: BufWriter::new(file), part, path: path.to_owned(), force }))
    }

    /// Writes.
    ///
    /// # Errors
    /// [`SnapshotError::Write`].
    pub fn write(&mut self, text: &[u8]) -> Result<(), SnapshotError> {
        match self {
            Self::Stdout(out) => {
                out.write_all(text).map_err(|error| SnapshotError::Write("standard output".to_owned(), error))
            }
            Self::File(file) => file.file.write_all(text).map_err(|error| file.failed(error)),
        }
    }

    /// Ends what was written; a file gets its name.
    ///
    /// # Errors
    /// As [`Out::open`].
    pub fn finish(self) -> Result<(), SnapshotError> {
        match self {
            Self::Stdout(mut out) => {
                out.flush().map_err(|error| SnapshotError::Write("standard output".to_owned(), error))
            }
            Self::File(mut file) => {
                let written = file.file.flush().and_then(|()| file.file.get_ref().sync_all());
                written.map_err(|error| file.failed(error))?;
                // It may have come there since.
                free(&file.path, file.force)?;
                fs::rename(&file.part, &file.path).map_err(|error| file.failed(error))
            }
        }
    }
}

impl Partial {
    fn failed(&self, error: io::Error) -> SnapshotError {
        SnapshotError::Write(self.path.display().to_string(), error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // There is none any more once it has its name.
        fs::remove_file(&self.part).ok();
    }
}

fn free(path: &Path, force: bool) -> Result<(), SnapshotError> {
    if !force && path.exists() { Err(SnapshotError::Exists(path.display().to_string())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let folder = std::env::temp_dir().join(format!("sentinel-axiom-{:x}", fastrand::u64(..)));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("a.csv");
        let names = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        let begun = |force| {
            let mut out = Out::open(Some(&path), force).unwrap();
            out.write(b"text").unwrap();
            out
        };
        let out = begun(false);
        assert_eq!(names(), ["a.csv.part"]);
        drop(out);
        assert!(names().is_empty());
        begun(false).finish().unwrap();
        assert_eq!((names(), fs::read(&path).unwrap()), (vec!["a.csv".into()], b"text".to_vec()));
        assert!(matches!(Out::open(Some(&path), false), Err(SnapshotError::Exists(_))));
        begun(true).finish().unwrap();
        fs::remove_file(&path).unwrap();
        let out = begun(false);
        fs::write(&path, "another's").unwrap();
        assert!(matches!(out.finish(), Err(SnapshotError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"another's");
        fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(Out::open(Some(&path), false), Err(SnapshotError::Write(..))));
    }
}
