//! Formats of payloads, and how a host brings old ones up to date.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::types::check_label;

/// Brings a payload from one format to the next: any function of its bytes.
pub type Upcast =
    Arc<dyn Fn(Vec<u8>) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> + Send + Sync>;

/// The formats of payloads that a host can read, and the steps that lead from old ones to them.
///
/// The label is the [`payload_format`](super::SymbolicIntent::payload_format) of the entry. Without any declaration
/// every label is handed out as it is. With one, an entry that is restored is brought up step by step to a format that is
/// declared current, and an unknown label is refused. What is stored never changes.
///
/// ```
/// use std::sync::Arc;
/// use mythos_core::ritual::PayloadFormats;
///
/// let mut formats = PayloadFormats::default();
/// formats.current("notes;v=2")?;
/// formats.upcast("notes;v=1", "notes;v=2", Arc::new(|payload| Ok([b"v2:", &payload[..]].concat())))?;
///
/// let (payload, format) = formats.bring_up(b"text".to_vec(), Some("notes;v=1"))?;
/// assert_eq!((&payload[..], format.as_deref()), (&b"v2:text"[..], Some("notes;v=2")));
/// assert!(formats.bring_up(vec![], Some("unheard of")).is_err());
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct PayloadFormats {
    /// What leads on from a format; nothing from a current one.
    steps: BTreeMap<String, Option<Step>>,
}

#[derive(Clone)]
struct Step {
    to: String,
    upcast: Upcast,
}

impl fmt::Debug for PayloadFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.iter().map(|(from, step)| (from, step.as_ref().map(|step| &step.to)));
        f.debug_map().entries(steps).finish()
    }
}

impl PayloadFormats {
    /// Declares a format that the host reads as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a label out of its bounds, or one that was declared before.
    pub fn current(&mut self, format: impl Into<String>) -> Result<&mut Self> {
        self.declare(format.into(), None)
    }

    /// Declares how `from` becomes `to`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a label out of its bounds, one that was declared before, or
    /// a step that would lead in a circle.
    pub fn upcast(
        &mut self,
        from: impl Into<String>,
        to: impl Into<String>,
        upcast: Upcast,
    ) -> Result<&mut Self> {
        let (from, to) = (from.into(), to.into());
        check_label("payload_format", &to)?;
        let mut next = Some(&to);
        while let Some(format) = next {
            if *format == from {
                let message = format!("payloads of format {from} would be brought up in a circle");
                return Err(Error::invalid("payload_format", message));
            }
            next = self.steps.get(format).and_then(Option::as_ref).map(|step| &step.to);
        }
        self.declare(from, Some(Step { to, upcast }))
    }

    fn declare(&mut self, format: String, step: Option<Step>) -> Result<&mut Self> {
        check_label("payload_format", &format)?;
        if self.steps.contains_key(&format) {
            let message = format!("payload format {format} is declared twice");
            return Err(Error::invalid("payload_format", message));
        }
        self.steps.insert(format, step);
        Ok(self)
    }

    /// Refuses a format that is not declared.
    pub(crate) fn check(&self, format: Option<&str>) -> Result<()> {
        match format {
            Some(format) if !self.steps.is_empty() && !self.steps.contains_key(format) => {
                Err(unknown(format))
            }
            _ => Ok(()),
        }
    }

    /// Whether a payload of this format is handed out as it was saved.
    pub(super) fn is_current(&self, format: Option<&str>) -> bool {
        format.is_none_or(|format| self.steps.is_empty() || matches!(self.steps.get(format), Some(None)))
    }

    /// Brings `payload` up to a current format, and names that.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `payload_format`, if a format is not declared; field `payload` if a
    /// step fails.
    pub fn bring_up(&self, mut payload: Vec<u8>, format: Option<&str>) -> Result<(Vec<u8>, Option<String>)> {
        let Some(format) = format.filter(|_| !self.steps.is_empty()) else {
            return Ok((payload, format.map(str::to_owned)));
        };
        let mut format = format.to_owned();
        loop {
            match self.steps.get(&format) {
                Some(None) => return Ok((payload, Some(format))),
                Some(Some(step)) => {
                    payload = (step.upcast)(payload).map_err(|error| {
                        let message =
                            format!("a payload of format {format} cannot become {}: {error}", step.to);
                        Error::invalid("payload", message).caused_by(error)
                    })?;
                    format.clone_from(&step.to);
                }
                None => return Err(unknown(&format)),
            }
        }
    }
}

fn unknown(format: &str) -> Error {
    Error::invalid("payload_format", format!("payload format {format} is not known to this program"))
}
