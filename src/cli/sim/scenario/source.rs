//! The text of a scenario file, and where in it something is wrong.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use toml::Spanned;
use toml::de::DeTable;

/// Bytes of a scenario file at most: it is written by hand.
const LENGTH_MAX: u64 = 1 << 20;

/// What is wrong with a scenario file, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of a file, if it is no longer than `longest`, whatever the file says of its length.
///
/// # Errors
///
/// The file system's; and that the file is longer, or no text.
pub(super) fn read_bounded(path: &Path, longest: u64) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(longest + 1).read_to_string(&mut text)?;
    if length as u64 > longest {
        return Err(io::Error::other(format!("it is longer than {longest} bytes")));
    }
    Ok(text)
}

impl From<Wrong> for Failure {
    fn from(Wrong(text): Wrong) -> Self {
        Self::Usage(text)
    }
}

/// A scenario file.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    /// All of it.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Says which, and what the file system says.
    pub fn load(path: &Path) -> Result<Self, Wrong> {
        let text = read_bounded(path, LENGTH_MAX)
            .map_err(|error| Wrong(format!("cannot read {}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// A file by its text.
    #[cfg(test)]
    pub(super) fn from_text(text: &str) -> Self {
        Self { path: PathBuf::from("test.toml"), text: text.to_owned() }
    }

    /// The file's name without its ending.
    pub fn stem(&self) -> String {
        self.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    }

    /// Where the files are that it names.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new(""))
    }

    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'_>>, Wrong> {
        DeTable::parse(&self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let said: Vec<&str> = error.message().split_whitespace().collect();
            Wrong(format!("{}:{}: {}", self.path.display(), self.line(at), said.join(" ")))
        })
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        1 + before.bytes().filter(|byte| *byte == b'\n').count()
    }

    /// What is wrong with `key`, which stands at `offset`.
    pub(super) fn wrong(&self, offset: usize, key: &str, problem: &str) -> Wrong {
        Wrong(format!("{}:{}: {key}: {problem}", self.path.display(), self.line(offset)))
    }
}
