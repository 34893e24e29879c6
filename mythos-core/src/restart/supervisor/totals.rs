use serde::{Deserialize, Serialize};

use super::{PAGE, Supervisor};
use crate::error::Result;
use crate::observe;
use crate::restart::Incident;
use crate::store::Direction;

/// How the deployments of a supervisor are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SupervisionTotals {
    /// How many deployments there are; those whose records cannot be read count nowhere.
    pub deployments: u64,
    /// How many of them have an open incident.
    pub incidents: u64,
    /// How many effects wait for an answer.
    pub pending: u64,
}

impl Supervisor {
    /// How the deployments are, all together. Reads all of them, page by page, so that what is decided meanwhile may count or
    /// not. Sets the gauges [`OPEN_INCIDENTS`](observe::OPEN_INCIDENTS) and [`PENDING_EFFECTS`](observe::PENDING_EFFECTS).
    ///
    /// # Errors
    /// Those of the store.
    ///
    /// # Example
    /// ```
    /// # let mythos = mythos_core::Mythos::in_memory();
    /// let supervisor = mythos.deployments().supervise(&"support".parse()?)?;
    /// assert_eq!(supervisor.totals()?.pending, 0);
    /// # Ok::<(), mythos_core::Error>(())
    /// ```
    pub fn totals(&self) -> Result<SupervisionTotals> {
        let mut query = self.query().order_by("assistant", Direction::Ascending).limit(PAGE);
        let mut totals = SupervisionTotals::default();
        loop {
            let (deployments, next) = self.page(&query)?;
            for (_, deployment) in deployments {
                totals.deployments += 1;
                totals.incidents += u64::from(deployment.machine.incident().is_some_and(Incident::is_open));
                totals.pending += u64::from(deployment.machine.pending().is_some());
            }
            match next {
                Some(next) => query = query.after(Some(next)),
                None => break,
            }
        }
        observe::supervision(self.supervisor.as_str(), totals.incidents, totals.pending);
        Ok(totals)
    }
}
