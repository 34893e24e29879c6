//! Which effects still count, for a host that is carrying them out.

use super::{Supervisor, readable};
use crate::error::{Error, Result};
use crate::restart::{Deployment, EffectId, SupervisorRecord};
use crate::store::{Model, Read, access};

impl Supervisor {
    /// The most effects that one call of [`still_pending`](Self::still_pending) takes.
    pub const MAX_ASKED_EFFECTS: usize = 1_000;

    /// Which of these effects, at most [`MAX_ASKED_EFFECTS`](Self::MAX_ASKED_EFFECTS), are pending still, in the order of
    /// `effects`. One that is not was answered, or overtaken by a later decision, which need not ask the host for anything: a
    /// host that carries it out stops doing so, and one that is about to does not begin. All of them are looked up in one
    /// snapshot; that costs a read of a record for each.
    ///
    /// An effect of a deployment whose record cannot be read is pending still, as far as anyone can tell: nothing was decided
    /// about it.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), field `effects`, for too many; otherwise those of the store.
    ///
    /// # Example
    /// ```
    /// # use mythos_core::restart::*;
    /// # use mythos_core::{Mythos, ritual::SaveRitual};
    /// # let mythos = Mythos::in_memory();
    /// # mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), b"step 3")?;
    /// let supervisor = mythos.deployments().supervise(&"support".parse()?)?;
    /// # let policy = RestartPolicy::new(RestartPolicyOptions { free_restarts: 1, ..Default::default() })?;
    /// # let spec = DeploymentSpec::new("refund".parse()?).policy(policy);
    /// supervisor.deploy(&DeployAssistant::new("ana".parse()?, spec.clone()))?;
    /// supervisor.report_failure(&ReportFailure::crashed("ana".parse()?, "killed".try_into()?))?;
    /// let effect = supervisor.poll_effects(10)?.remove(0).id;
    /// assert_eq!(supervisor.still_pending(&[effect])?, [effect]);
    ///
    /// // The host launched the assistant by itself.
    /// supervisor.deploy(&DeployAssistant::new("ana".parse()?, spec))?;
    /// assert_eq!(supervisor.still_pending(&[effect])?, []);
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    pub fn still_pending(&self, effects: &[EffectId]) -> Result<Vec<EffectId>> {
        if effects.len() > Self::MAX_ASKED_EFFECTS {
            let (count, most) = (effects.len(), Self::MAX_ASKED_EFFECTS);
            return Err(Error::limit("effects", format!("one call takes {most} effects, not {count}")));
        }
        let holder = Read::Record { table: SupervisorRecord::TABLE, id: self.record_id() };
        let deployment = |effect: &EffectId| Read::Record { table: Deployment::TABLE, id: effect.deployment };
        let reads: Vec<_> = [holder].into_iter().chain(effects.iter().map(deployment)).collect();
        let mut answers = self.access.read_all(&reads)?.into_iter();
        self.check_epoch(answers.next().ok_or_else(|| Error::internal("the store left an answer out"))?)?;
        let mut pending = Vec::new();
        for (effect, answer) in effects.iter().zip(answers) {
            let Some(record) = access::record(answer)? else { continue };
            let is_pending = readable(&record)
                .map_or(true, |found| found.effect(self.epoch).is_some_and(|found| found.id == *effect));
            if is_pending {
                pending.push(*effect);
            }
        }
        Ok(pending)
    }
}
