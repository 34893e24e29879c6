//! The policy file: one line for each log, witness and group, and one for the quorum.
//!
//! Source: C2SP tlog-policy, "Policy file syntax and structure".

use std::collections::BTreeMap;
use std::fmt;

use super::{MAX_POLICY_BYTES, Member, NONE, Policy};
use crate::error::{Error, Result};
use crate::tlog::VerifierKey;
use crate::tlog::encoding::{check_length, parse_decimal};

impl Policy {
    /// Parses a policy file. Each line ends in a newline; items are separated by spaces and tabs; empty lines
    /// and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `policy`, with the number of the line, for
    /// anything that the format does not allow; [`ErrorKind::Limit`](crate::ErrorKind::Limit), field
    /// `policy`, over [`MAX_POLICY_BYTES`] or [`MAX_POLICY_ITEMS`](super::MAX_POLICY_ITEMS).
    pub fn parse(policy: &[u8]) -> Result<Self> {
        check_length("policy", policy.len(), MAX_POLICY_BYTES)?;
        let Some(lines) = policy.strip_suffix(b"\n") else {
            return Err(Error::invalid("policy", "the policy's last line does not end in a newline"));
        };
        let mut file = File::default();
        for (at, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            file.read_line(line).map_err(|error| {
                error.with_field("policy").while_doing(format_args!("line {} of the policy", at + 1))
            })?;
        }
        let Some(quorum) = file.quorum else {
            return Err(Error::invalid(
                "policy",
                "the policy has no quorum line; `quorum none` asks for no witness",
            ));
        };
        Ok(Self { quorum, ..file.policy })
    }
}

/// What was read so far.
struct File {
    policy: Policy,
    /// What the names stand for; the policy itself would have to search for them.
    names: BTreeMap<String, Member>,
    quorum: Option<Member>,
}

impl Default for File {
    fn default() -> Self {
        let policy =
            Policy { logs: Vec::new(), witnesses: Vec::new(), groups: Vec::new(), quorum: Member::None };
        Self { policy, names: BTreeMap::new(), quorum: None }
    }
}

impl File {
    fn read_line(&mut self, line: &[u8]) -> Result<()> {
        if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(malformed("it has a control character"));
        }
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let line =
            str::from_utf8(line).map_err(|_| malformed("it is not UTF-8, as names and URLs must be"))?;
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            ["log", key] => self.policy.add_log(key.parse()?, None),
            ["log", key, url] => self.policy.add_log(key.parse()?, Some((*url).to_owned())),
            ["witness", name, key] => self.witness(name, key.parse()?, None),
            ["witness", name, key, url] => self.witness(name, key.parse()?, Some((*url).to_owned())),
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.quorum(name),
            _ => Err(malformed("it is none of a log, a witness, a group or the quorum")),
        }
    }

    fn witness(&mut self, name: &str, key: VerifierKey, url: Option<String>) -> Result<()> {
        self.policy.add_witness(name, key, url)?;
        self.names.insert(name.to_owned(), Member::Witness(self.policy.witnesses.len() - 1));
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<()> {
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            // More than there are is refused as what it is.
            number => usize::try_from(parse_decimal("policy", number, MAX_POLICY_BYTES as u64)?).unwrap_or(0),
        };
        let members = members.iter().map(|member| self.member(member)).collect::<Result<_>>()?;
        self.policy.add_group(name, threshold, members)?;
        self.names.insert(name.to_owned(), Member::Group(self.policy.groups.len() - 1));
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<()> {
        if self.quorum.is_some() {
            return Err(malformed("it is a second quorum line"));
        }
        self.quorum = Some(if name == NONE { Member::None } else { self.member(name)? });
        Ok(())
    }

    fn member(&self, name: &str) -> Result<Member> {
        self.names.get(name).copied().ok_or_else(|| {
            Error::invalid("policy", format!("no line before it defines a witness or group {name:?}"))
        })
    }
}

/// Writes the one form that a policy is written in.
pub(super) fn write(policy: &Policy, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let url = |url: &Option<String>| url.as_ref().map_or_else(String::new, |url| format!(" {url}"));
    for log in &policy.logs {
        writeln!(f, "log {}{}", log.key, url(&log.url))?;
    }
    for witness in &policy.witnesses {
        writeln!(f, "witness {} {}{}", witness.name, witness.key, url(&witness.url))?;
    }
    for group in &policy.groups {
        write!(f, "group {} ", group.name)?;
        match group.threshold {
            all if all == group.members.len() => f.write_str("all")?,
            1 => f.write_str("any")?,
            some => write!(f, "{some}")?,
        }
        group.members.iter().try_for_each(|member| write!(f, " {}", policy.name_of(*member)))?;
        writeln!(f)?;
    }
    writeln!(f, "quorum {}", policy.name_of(policy.quorum))
}

fn malformed(why: &str) -> Error {
    Error::invalid("policy", why)
}
