//! Reports of compared documents, for people and for programs.
//!
//! Each is a function of a [`GuardReport`] alone, so that every language's command says the same.

mod github;
mod pairs;
mod sarif;
mod table;

use serde::{Deserialize, Serialize};

pub use self::pairs::{PairLine, PairOutcome, score_line};
use super::document::gravest;
use super::{DocumentComparison, GuardPolicy, Verdict};
use crate::error::{Error, Result};

/// The longest name of a document or a revision, in bytes.
pub const MAX_NAME_BYTES: usize = 4_096;

/// The most documents of a report.
pub const MAX_DOCUMENTS: usize = 100_000;

/// A document to compare: its path, and its text in two versions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentEdit {
    /// Where it is, with slashes; at most [`MAX_NAME_BYTES`].
    pub path: String,
    /// What it was; none if it did not exist.
    #[serde(default)]
    pub old: Option<String>,
    /// What it is; none if it exists no more.
    #[serde(default)]
    pub new: Option<String>,
    /// What the older version is called, such as a commit.
    #[serde(default)]
    pub old_revision: Option<String>,
    /// What the newer version is called.
    #[serde(default)]
    pub new_revision: Option<String>,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// It is there in both versions.
    Compared,
    /// It was not there before, so that nothing in it can have become worse: nothing is assessed.
    Created,
    /// It is there no more: all its segments are lost.
    Deleted,
}

/// A document that was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedDocument {
    /// Where it is.
    pub path: String,
    /// What became of it.
    pub status: DocumentStatus,
    /// What the older version is called.
    pub old_revision: Option<String>,
    /// What the newer version is called.
    pub new_revision: Option<String>,
    /// What was found.
    pub comparison: DocumentComparison,
}

impl ComparedDocument {
    /// Compares the two versions of a document.
    ///
    /// # Errors
    /// As [`DocumentComparison::of`]; [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `path`, `old_revision` or
    /// `new_revision`, if a name is too long.
    pub fn of(edit: &DocumentEdit, policy: &GuardPolicy) -> Result<Self> {
        let names = [
            ("path", Some(&edit.path)),
            ("old_revision", edit.old_revision.as_ref()),
            ("new_revision", edit.new_revision.as_ref()),
        ];
        for (field, name) in names {
            let length = name.map_or(0, String::len);
            if length > MAX_NAME_BYTES {
                return Err(Error::limit(
                    field,
                    format!("a name is at most {MAX_NAME_BYTES} bytes, not {length}"),
                ));
            }
        }
        let (status, comparison) = match (&edit.old, &edit.new) {
            (Some(old), new) => {
                let status = if new.is_some() { DocumentStatus::Compared } else { DocumentStatus::Deleted };
                (status, DocumentComparison::of(old, new.as_deref().unwrap_or_default(), policy)?)
            }
            (None, _) => (DocumentStatus::Created, DocumentComparison::of("", "", policy)?),
        };
        Ok(Self {
            path: edit.path.clone(),
            status,
            old_revision: edit.old_revision.clone(),
            new_revision: edit.new_revision.clone(),
            comparison,
        })
    }
}

/// What a run of the guard found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardReport {
    /// The layout of this report: 1.
    pub format: u32,
    /// The gravest verdict on a document.
    pub verdict: Verdict,
    /// Under which thresholds.
    pub policy: GuardPolicy,
    /// The documents, in the order in which they were given.
    pub documents: Vec<ComparedDocument>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReportFormat {
    /// A table to read.
    Table,
    /// The report as JSON.
    Json,
    /// SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format", 27 March 2020), which code hosts take.
    Sarif,
    /// Commands that GitHub's workflows show as annotations.
    Github,
}

impl GuardReport {
    /// The layout that this version writes.
    pub const FORMAT: u32 = 1;

    /// Reports on documents.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `documents`, of more than [`MAX_DOCUMENTS`];
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the policy is.
    pub fn new(documents: Vec<ComparedDocument>, policy: GuardPolicy) -> Result<Self> {
        policy.validate()?;
        if documents.len() > MAX_DOCUMENTS {
            let message = format!("a report has at most {MAX_DOCUMENTS} documents, not {}", documents.len());
            return Err(Error::limit("documents", message));
        }
        let verdicts = documents.iter().map(|document| document.comparison.verdict);
        let verdict = verdicts.fold(Verdict::None, gravest);
        Ok(Self { format: Self::FORMAT, verdict, policy, documents })
    }

    /// Writes the report.
    ///
    /// ```
    /// use mythos_core::regression::{ComparedDocument, DocumentEdit, GuardPolicy, GuardReport, ReportFormat};
    ///
    /// let policy = GuardPolicy::default();
    /// let edit = DocumentEdit {
    ///     path: "prompts/support.md".to_owned(),
    ///     old: Some("You must answer within 30 days.".to_owned()),
    ///     new: Some("You must answer within 90 days.".to_owned()),
    ///     old_revision: None,
    ///     new_revision: None,
    /// };
    /// let report = GuardReport::new(vec![ComparedDocument::of(&edit, &policy)?], policy)?;
    /// let written = report.write(ReportFormat::Github)?;
    /// assert!(written.starts_with("::warning file=prompts/support.md,line=1,"), "{written}");
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if it cannot be serialized, which is a defect.
    pub fn write(&self, format: ReportFormat) -> Result<String> {
        match format {
            ReportFormat::Table => Ok(table::write(self)),
            ReportFormat::Json => json(self),
            ReportFormat::Sarif => json(&sarif::log(self)),
            ReportFormat::Github => Ok(github::write(self)),
        }
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    let mut written = serde_json::to_string_pretty(value)
        .map_err(|error| Error::internal(format!("a report was not serialized: {error}")))?;
    written.push('\n');
    Ok(written)
}

/// On one line, and without what a terminal would obey.
fn shown(text: &str) -> String {
    let is_shown = |found: &char| !found.is_control() && !crate::text::is_hidden(*found);
    text.chars().map(|found| if is_shown(&found) { found } else { '\u{FFFD}' }).collect()
}

#[cfg(test)]
mod tests;
