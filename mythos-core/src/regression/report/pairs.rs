//! Pairs of texts, one to a line of JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::regression::{Assessment, Coverage, Direction, Finding, GuardPolicy, Verdict};

/// A line of the file; other members are not read.
#[derive(Deserialize)]
struct Pair {
    text_a: String,
    text_b: String,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    key: Option<Value>,
}

/// What is written of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairOutcome {
    /// The pair's `id`, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    /// Its `key`, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The number of its line, from 1.
    pub line: u64,
    /// As [`Assessment::accuracy`].
    pub accuracy: f64,
    /// As [`Assessment::firmer`].
    pub firmer: f64,
    /// As [`Assessment::softer`].
    pub softer: f64,
    /// As [`Assessment::verdict`].
    pub verdict: Verdict,
    /// As [`Assessment::direction`].
    pub direction: Option<Direction>,
    /// As [`Assessment::coverage`].
    pub coverage: Coverage,
    /// As [`Assessment::findings`]; spans are of `text_a` and of `text_b`.
    pub findings: Vec<Finding>,
}

/// A line that was scored, and what is written for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairLine {
    /// One line of JSON, without its end: a [`PairOutcome`], or `line` and `error`.
    pub written: String,
    /// What the guard says; none if the line could not be read.
    pub verdict: Option<Verdict>,
}

/// Scores the line `number`, from 1, of a file of pairs: an object with `text_a` and `text_b`, and perhaps an `id` or a `key`.
///
/// A line that is no such object is answered with `{"line": …, "error": …}`, since the others are none the worse for it.
///
/// ```
/// use mythos_core::regression::{GuardPolicy, Verdict, score_line};
///
/// let policy = GuardPolicy::default();
/// let scored = score_line(1, r#"{"id": 7, "text_a": "You must pay.", "text_b": "You may pay."}"#, &policy)?;
/// assert!(scored.written.starts_with(r#"{"id":7,"line":1,"accuracy":"#));
/// assert_eq!(scored.verdict.map(Verdict::is_flagged), Some(true));
/// assert!(score_line(2, "no pair", &policy)?.written.starts_with(r#"{"line":2,"error":"#));
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the policy is.
pub fn score_line(number: u64, line: &str, policy: &GuardPolicy) -> Result<PairLine> {
    policy.validate()?;
    let scored = serde_json::from_str::<Pair>(line).map_err(|error| error.to_string()).and_then(|pair| {
        let found = Assessment::of(&pair.text_a, &pair.text_b, policy).map_err(|error| error.to_string())?;
        Ok((pair, found))
    });
    let (written, verdict) = match scored {
        Ok((Pair { id, key, .. }, found)) => {
            let outcome = PairOutcome {
                id,
                key,
                line: number,
                accuracy: found.accuracy,
                firmer: found.firmer,
                softer: found.softer,
                verdict: found.verdict,
                direction: found.direction,
                coverage: found.coverage,
                findings: found.findings,
            };
            (serde_json::to_string(&outcome), Some(found.verdict))
        }
        Err(error) => {
            #[derive(Serialize)]
            struct Unread {
                line: u64,
                error: String,
            }
            (serde_json::to_string(&Unread { line: number, error }), None)
        }
    };
    let written = written.map_err(|error| Error::internal(format!("a line was not serialized: {error}")))?;
    Ok(PairLine { written, verdict })
}
