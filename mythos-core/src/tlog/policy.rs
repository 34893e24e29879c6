use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::checkpoint::SignedCheckpoint;
use super::note::VerifiedSignature;
use super::verifier_key::{SignatureType, VerifierKey};
use crate::error::{Error, Result};
use crate::types::serde_through_text;

mod text;

/// The longest policy file, in bytes.
pub const MAX_POLICY_BYTES: usize = 1 << 20;

/// The most logs, the most witnesses and the most groups of a policy. The format asks for at least 32 of
/// each.
pub const MAX_POLICY_ITEMS: usize = 1000;

/// The name of the quorum that asks for no witness.
const NONE: &str = "none";

/// Whom to believe: the logs, the witnesses, and how many of the witnesses must have cosigned.
///
/// The text form (`Display`, `FromStr`, serde) is a policy file of C2SP. What is written is one form of it:
/// logs, witnesses and groups in their order, then the quorum, without comments. What is parsed is every
/// form, but for two things: names and URLs must be UTF-8, which the format only recommends, and at most
/// [`MAX_POLICY_BYTES`] and [`MAX_POLICY_ITEMS`] are taken.
///
/// ```
/// use mythos_core::seal::SecretKey;
/// use mythos_core::tlog::{
///     Checkpoint, CosignatureSigner, Ed25519Signer, EMPTY_ROOT, NoteSigner, Policy, SignedCheckpoint,
/// };
///
/// let log = Ed25519Signer::from_seed("example.com/log", &SecretKey::from_bytes(&[7; 32]))?;
/// let one = CosignatureSigner::from_seed("one.example", &SecretKey::from_bytes(&[8; 32]))?;
/// let two = CosignatureSigner::from_seed("two.example", &SecretKey::from_bytes(&[9; 32]))?;
/// let policy: Policy = format!(
///     "# Both of them.\nlog {}\nwitness one {}\nwitness two {}\ngroup both all one two\nquorum both\n",
///     log.verifier_key(), one.verifier_key(), two.verifier_key(),
/// ).parse()?;
///
/// let mut signed = SignedCheckpoint::sign(Checkpoint::new("example.com/log", 0, EMPTY_ROOT)?, &[&log])?;
/// signed.add_cosignature(&one.at(1_795_249_800)?)?;
/// assert!(!policy.evaluate(&signed)?.is_met());
/// signed.add_cosignature(&two.at(1_795_249_801)?)?;
/// let verdict = policy.evaluate(&signed)?;
/// assert!(verdict.is_met());
/// assert_eq!(verdict.witnesses[1].name, "two");
/// assert_eq!(verdict.witnesses[1].time, 1_795_249_801);
/// # Ok::<(), mythos_core::Error>(())
/// ```
///
/// Source: C2SP tlog-policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Member,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Log {
    key: VerifierKey,
    url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Witness {
    name: String,
    key: VerifierKey,
    url: Option<String>,
}

/// At least `threshold` of the members; all of them stand before the group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<Member>,
}

/// What a name stands for, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// Nobody needs to cosign; only as the quorum.
    None,
    Witness(usize),
    Group(usize),
}

/// What a policy says of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// The signature of the log; `None` if no log of the policy that is called as the checkpoint's origin
    /// signed.
    pub log: Option<VerifiedSignature>,
    /// The witnesses of the policy that cosigned, in the policy's order, whether or not they are enough.
    pub witnesses: Vec<WitnessSignature>,
    /// Whether the witnesses that cosigned are the quorum that the policy asks for.
    pub has_quorum: bool,
}

impl Verdict {
    /// Whether the checkpoint may be believed: the log signed, and enough witnesses cosigned.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.log.is_some() && self.has_quorum
    }
}

/// A witness that cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WitnessSignature {
    /// What the policy calls the witness.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// When it cosigned, in seconds since 1970, as it says itself; the latest if it did several times.
    pub time: u64,
}

impl Policy {
    /// The policy that believes one log, with no witness.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `policy`, if the key is of a type that this
    /// crate does not verify.
    pub fn of_log(key: VerifierKey) -> Result<Self> {
        let mut policy =
            Self { logs: Vec::new(), witnesses: Vec::new(), groups: Vec::new(), quorum: Member::None };
        if !key.can_verify() {
            return Err(Error::invalid("policy", "the log's key is of a type that is not verified here"));
        }
        policy.add_log(key, None)?;
        Ok(policy)
    }

    /// The keys of the logs that are believed.
    pub fn logs(&self) -> impl Iterator<Item = &VerifierKey> {
        self.logs.iter().map(|log| &log.key)
    }

    /// The witnesses, by name and key.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &VerifierKey)> {
        self.witnesses.iter().map(|witness| (witness.name.as_str(), &witness.key))
    }

    /// Verifies all signatures of the policy's logs and witnesses, and says whether they are enough. A log
    /// counts if it is called as the checkpoint's origin. Signatures of other keys are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if a signature of a key of the policy is not the
    /// key's. That too few signed is no error, but the verdict.
    pub fn evaluate(&self, signed: &SignedCheckpoint) -> Result<Verdict> {
        let origin = signed.checkpoint().origin();
        let mut logs = self.logs.iter().map(|log| &log.key).filter(|key| key.name() == origin);
        let witnesses = self.witnesses.iter().map(|witness| &witness.key);
        let verified = signed.note().verify_known(logs.clone().chain(witnesses))?;
        let log = logs.find_map(|key| verified.by(key)).cloned();
        let mut cosigned = vec![false; self.witnesses.len()];
        let mut signatures = Vec::new();
        for (witness, cosigned) in self.witnesses.iter().zip(&mut cosigned) {
            if let Some(time) = verified.by(&witness.key).and_then(|signature| signature.time) {
                *cosigned = true;
                let (name, key) = (witness.name.clone(), witness.key.clone());
                signatures.push(WitnessSignature { name, key, time });
            }
        }
        Ok(Verdict { log, witnesses: signatures, has_quorum: self.has_quorum(&cosigned) })
    }

    /// Members stand before their groups, so one pass suffices, however deeply they are nested.
    fn has_quorum(&self, cosigned: &[bool]) -> bool {
        let mut met = Vec::with_capacity(self.groups.len());
        let holds = |member: &Member, met: &[bool]| match *member {
            Member::None => true,
            Member::Witness(at) => cosigned.get(at).copied().unwrap_or(false),
            Member::Group(at) => met.get(at).copied().unwrap_or(false),
        };
        for group in &self.groups {
            let count = group.members.iter().filter(|member| holds(member, &met)).count();
            met.push(count >= group.threshold);
        }
        holds(&self.quorum, &met)
    }

    fn add_log(&mut self, key: VerifierKey, url: Option<String>) -> Result<()> {
        if self.logs.iter().any(|log| log.key.public_key() == key.public_key()) {
            return Err(Error::invalid("policy", format!("the log {key} is in the policy twice")));
        }
        // The format of notes takes this character in a name; that of policies does not.
        if key.name().contains('\u{7f}') {
            return Err(Error::invalid("policy", "the name of a log's key has a control character"));
        }
        check_room("logs", self.logs.len())?;
        self.logs.push(Log { key, url });
        Ok(())
    }

    fn add_witness(&mut self, name: &str, key: VerifierKey, url: Option<String>) -> Result<()> {
        self.check_new_name(name)?;
        if key.signature_type() == SignatureType::Ed25519 {
            let message = format!("the key of the witness {name:?} is of type 1, which does not cosign");
            return Err(Error::invalid("policy", message));
        }
        if self.witnesses.iter().any(|witness| witness.key.public_key() == key.public_key()) {
            return Err(Error::invalid("policy", format!("the witness {key} is in the policy twice")));
        }
        check_room("witnesses", self.witnesses.len())?;
        self.witnesses.push(Witness { name: name.to_owned(), key, url });
        Ok(())
    }

    fn add_group(&mut self, name: &str, threshold: usize, members: Vec<Member>) -> Result<()> {
        self.check_new_name(name)?;
        if threshold == 0 || threshold > members.len() {
            let message = format!("the group {name:?} asks for {threshold} of its {} members", members.len());
            return Err(Error::invalid("policy", message));
        }
        // Each name counts in one group only, and there once: so nobody counts twice.
        let mut taken: BTreeSet<_> = self.groups.iter().flat_map(|group| &group.members).collect();
        if let Some(member) = members.iter().find(|member| !taken.insert(member)) {
            let message = format!("{:?} is a member twice", self.name_of(*member));
            return Err(Error::invalid("policy", message));
        }
        check_room("groups", self.groups.len())?;
        self.groups.push(Group { name: name.to_owned(), threshold, members });
        Ok(())
    }

    fn check_new_name(&self, name: &str) -> Result<()> {
        if name == NONE || self.member(name).is_some() {
            return Err(Error::invalid("policy", format!("the name {name:?} is taken")));
        }
        Ok(())
    }

    /// The witness or group of this name.
    fn member(&self, name: &str) -> Option<Member> {
        let witness = self.witnesses.iter().position(|witness| witness.name == name).map(Member::Witness);
        witness.or_else(|| self.groups.iter().position(|group| group.name == name).map(Member::Group))
    }

    fn name_of(&self, member: Member) -> &str {
        match member {
            Member::None => NONE,
            Member::Witness(at) => self.witnesses.get(at).map_or("", |witness| &witness.name),
            Member::Group(at) => self.groups.get(at).map_or("", |group| &group.name),
        }
    }
}

fn check_room(what: &str, count: usize) -> Result<()> {
    if count >= MAX_POLICY_ITEMS {
        return Err(Error::limit("policy", format!("a policy has at most {MAX_POLICY_ITEMS} {what}")));
    }
    Ok(())
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(policy: &str) -> Result<Self> {
        Self::parse(policy.as_bytes())
    }
}

serde_through_text!(Policy);

#[cfg(test)]
mod tests;
