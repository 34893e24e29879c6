//! The rules of the audit: each is a clause of the codex, and a check of one file.

use mythos_core::codex::{Clause, CodexClause};
use serde::{Deserialize, Serialize};

use crate::Result;

/// The longest line that the `line-length` clause allows, in characters.
const MAX_LINE_CHARACTERS: usize = 120;
/// The most lines of a file that the `file-length` clause allows.
const MAX_FILE_LINES: usize = 800;

/// A clause and what checks it.
struct Rule {
    clause: &'static str,
    text: &'static str,
    /// The numbers of the lines that break the rule, from 1.
    check: fn(&Document<'_>) -> Vec<usize>,
}

const RULES: [Rule; 8] = [
    Rule {
        clause: "line-length",
        text: "No line of code is longer than 120 characters.",
        check: |document| match document.language.is_code() {
            true => document.lines_where(|line| line.chars().count() > MAX_LINE_CHARACTERS),
            false => Vec::new(),
        },
    },
    Rule {
        clause: "trailing-space",
        text: "No line ends in blanks.",
        check: |document| document.lines_where(|line| line.ends_with([' ', '\t'])),
    },
    Rule {
        clause: "indentation",
        text: "Lines are indented with spaces, but for languages that need tabs.",
        check: |document| match document.language {
            Language::Make | Language::Go => Vec::new(),
            _ => document.lines_where(|line| line.starts_with('\t')),
        },
    },
    Rule {
        clause: "open-work",
        text: "Work that is left to do is tracked, not left behind as TODO, FIXME or XXX.",
        check: |document| {
            document.lines_where(|line| {
                line.split(|c: char| !c.is_ascii_alphanumeric())
                    .any(|word| matches!(word, "TODO" | "FIXME" | "XXX"))
            })
        },
    },
    Rule {
        clause: "file-length",
        text: "A file of code holds one concept, in at most 800 lines.",
        check: |document| {
            let is_too_long = document.language.is_code() && document.lines.len() > MAX_FILE_LINES;
            if is_too_long { vec![MAX_FILE_LINES + 1] } else { Vec::new() }
        },
    },
    Rule {
        clause: "panics",
        text: "Rust code outside tests handles its errors: it neither unwraps nor panics.",
        check: |document| {
            if document.language != Language::Rust || document.is_test() {
                return Vec::new();
            }
            let tests = document.lines.iter().position(|line| line.trim() == "#[cfg(test)]");
            let code = tests.unwrap_or(document.lines.len());
            let mut lines = document.lines_where(|line| {
                let is_comment = line.trim_start().starts_with("//");
                !is_comment && (line.contains(".unwrap()") || line.contains("panic!("))
            });
            lines.retain(|line| *line <= code);
            lines
        },
    },
    Rule {
        clause: "unsafe-code",
        text: "Every unsafe block says in a SAFETY comment why it is sound.",
        check: |document| {
            let is_unsafe = |line: &str| line.contains("unsafe {") && !line.trim_start().starts_with("//");
            let mut lines = match document.language {
                Language::Rust => document.lines_where(is_unsafe),
                _ => Vec::new(),
            };
            lines.retain(|line| {
                let above = &document.lines[line.saturating_sub(4)..*line];
                !above.iter().any(|line| line.contains("SAFETY"))
            });
            lines
        },
    },
    Rule {
        clause: "dynamic-code",
        text: "Python and JavaScript neither evaluate texts nor swallow every exception.",
        check: |document| match document.language {
            Language::Python => document.lines_where(|line| {
                line.contains(" eval(") || line.contains(" exec(") || line.trim() == "except:"
            }),
            Language::JavaScript => document.lines_where(|line| line.contains(" eval(")),
            _ => Vec::new(),
        },
    },
];

/// What the `open-work` clause says after it was changed: clearer, but the same rule, so that a report made under both
/// versions can be compared with one made under the first alone.
pub(crate) const CLARIFIED: (&str, &str) = (
    "open-work",
    "Work that is left to do is tracked where its owner sees it; the words TODO, FIXME and XXX do not occur.",
);

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Language {
    Rust,
    Python,
    JavaScript,
    Go,
    Make,
    Markdown,
    Data,
    Other,
}

impl Language {
    fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.rsplit_once('.').map_or(name, |(_, extension)| extension) {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "js" | "mjs" | "cjs" | "ts" => Self::JavaScript,
            "go" => Self::Go,
            "Makefile" | "mk" => Self::Make,
            "md" => Self::Markdown,
            "json" | "toml" | "yaml" | "yml" | "lock" => Self::Data,
            _ => Self::Other,
        }
    }

    const fn is_code(self) -> bool {
        matches!(self, Self::Rust | Self::Python | Self::JavaScript | Self::Go)
    }

    /// The language's name, as a person reads it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::Go => "Go",
            Self::Make => "Make",
            Self::Markdown => "Markdown",
            Self::Data => "data",
            Self::Other => "other",
        }
    }
}

/// A file under audit.
struct Document<'a> {
    path: &'a str,
    language: Language,
    lines: Vec<&'a str>,
}

impl Document<'_> {
    fn lines_where(&self, breaks: impl Fn(&str) -> bool) -> Vec<usize> {
        let numbered = self.lines.iter().zip(1..);
        numbered.filter(|(line, _)| breaks(line)).map(|(_, number)| number).collect()
    }

    fn is_test(&self) -> bool {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.starts_with("test")
            || self.path.split('/').any(|name| matches!(name, "tests" | "benches" | "fuzz"))
    }
}

/// What the assistant notes about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// The file's language.
    pub(crate) language: Language,
    /// How many lines it has.
    pub(crate) lines: usize,
    /// The longest of them, in characters.
    pub(crate) longest_line: usize,
    /// How many lines are blank.
    pub(crate) blank_lines: usize,
    /// What breaks a rule.
    pub(crate) findings: Vec<Finding>,
}

/// A rule that a file breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    /// The clause.
    pub(crate) clause: String,
    /// The lines that break it.
    pub(crate) lines: Vec<usize>,
}

/// The clauses that the codex begins with.
pub(crate) fn clauses() -> Result<Vec<Clause>> {
    RULES.iter().map(|rule| Ok(Clause { clause: rule.clause.parse()?, text: rule.text.to_owned() })).collect()
}

/// Audits one file by the clauses that are in force.
pub(crate) fn audit(path: &str, text: &str, in_force: &[CodexClause]) -> Note {
    let document = Document { path, language: Language::of(path), lines: text.lines().collect() };
    let applies = |rule: &&Rule| in_force.iter().any(|clause| clause.clause.as_str() == rule.clause);
    let findings = RULES.iter().filter(applies).filter_map(|rule| {
        let lines = (rule.check)(&document);
        (!lines.is_empty()).then(|| Finding { clause: rule.clause.to_owned(), lines })
    });
    Note {
        language: document.language,
        lines: document.lines.len(),
        longest_line: document.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0),
        blank_lines: document.lines_where(|line| line.trim().is_empty()).len(),
        findings: findings.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mythos_core::types::Digest;

    fn findings(path: &str, text: &str) -> Vec<(String, Vec<usize>)> {
        let in_force: Vec<_> = clauses()
            .unwrap()
            .into_iter()
            .map(|Clause { clause, text }| CodexClause {
                clause,
                digest: Digest::of(b""),
                text: Some(text),
                notes: Vec::new(),
                since: 0,
            })
            .collect();
        assert!(audit(path, text, &[]).findings.is_empty(), "no clause, no finding");
        let note = audit(path, text, &in_force);
        note.findings.into_iter().map(|finding| (finding.clause, finding.lines)).collect()
    }

    fn found(clause: &str, lines: &[usize]) -> Vec<(String, Vec<usize>)> {
        vec![(clause.to_owned(), lines.to_vec())]
    }

    #[test]
    fn each_clause_finds_what_it_forbids() {
        assert_eq!(findings("a.ts", &format!("{}\nok\n", "x".repeat(121))), found("line-length", &[1]));
        assert_eq!(findings("a.md", "ok\nblank \n"), found("trailing-space", &[2]));
        assert_eq!(findings("a.py", "\tpass\n"), found("indentation", &[1]));
        assert_eq!(findings("a.py", "# FIXME: later\n# FIXMENOT\n"), found("open-work", &[1]));
        assert_eq!(findings("a.go", &"\n".repeat(801)), found("file-length", &[801]));
        assert_eq!(findings("a.rs", "x.unwrap();\n// .unwrap()\n"), found("panics", &[1]));
        assert_eq!(findings("a.rs", "unsafe { x }\n"), found("unsafe-code", &[1]));
        assert_eq!(findings("a.py", "try:\n    x\nexcept:\n    y\n"), found("dynamic-code", &[3]));
    }

    #[test]
    fn what_is_allowed_is_not_found() {
        assert!(findings("Makefile", "all:\n\ttrue\n").is_empty());
        assert!(findings("a.rs", "// SAFETY: it is.\nunsafe { x }\n").is_empty());
        assert!(findings("a.rs", "ok();\n#[cfg(test)]\nmod tests { x.unwrap() }\n").is_empty());
        assert!(findings("tests/a.rs", "x.unwrap();\n").is_empty());
        assert!(findings("data.json", &"{\n".repeat(900)).is_empty());
    }

    #[test]
    fn the_clarified_clause_is_one_of_the_codex() {
        assert!(RULES.iter().any(|rule| rule.clause == CLARIFIED.0 && rule.text != CLARIFIED.1));
    }
}
