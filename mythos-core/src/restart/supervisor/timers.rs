//! Timers: which are due, and what happens when they are.

use super::*;

impl Supervisor {
    /// Fires the timers that are due, and tells what was decided. A timer that was set in the future is due as well: the
    /// clock was set back since, so that how long it waited cannot be told.
    ///
    /// # Errors
    /// Those of the store. Timers before the one that failed have fired; the others fire next time.
    pub fn tick(&self) -> Result<Vec<Decision>> {
        let _span = Entered::tick(self.supervisor.as_str());
        let now = self.access.now();
        let behind = Scalar::Text(now.saturating_add(Duration::from_micros(1)).to_string());
        let (mut decisions, mut held) = (Vec::new(), Vec::new());
        self.fire(self.range("timer_at", None, Some(behind)), &mut decisions, &mut held)?;
        self.fire(self.timers_set_ahead_of(now), &mut decisions, &mut held)?;
        let until = now.saturating_add(HELD_UP);
        let held = Some(HeldUp { until, deployments: held }).filter(|held| !held.deployments.is_empty());
        *self.held_up.lock().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(decisions)
    }

    /// When the next timer is due: the present moment if the clock was set back to before one was set; `None` if none is
    /// set. Call [`tick`](Self::tick) then. Every method that decides
    /// something may change the answer.
    ///
    /// # Errors
    /// Those of the store.
    pub fn next_timeout(&self) -> Result<Option<Timestamp>> {
        let now = self.access.now();
        let held_up = self.held_up.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let held_up = held_up.filter(|held| now < held.until);
        let (until, held) = held_up.map_or((None, Vec::new()), |held| (Some(held.until), held.deployments));
        if self.first(self.timers_set_ahead_of(now), &held)?.is_some() {
            return Ok(Some(now));
        }
        let next = self.first(self.range("timer_at", Some(earliest()), None), &held)?;
        Ok(next.and_then(|deployment| deployment.timer_at).into_iter().chain(until).min())
    }

    /// Fires the timers that `query` finds, as far as they are due; of those that another record holds up, `held` tells.
    fn fire(&self, mut query: Query, decisions: &mut Vec<Decision>, held: &mut Vec<RecordId>) -> Result<()> {
        loop {
            let (deployments, next) = self.page(&query)?;
            let (alone, members): (Vec<_>, Vec<_>) =
                deployments.into_iter().partition(|(_, deployment)| deployment.member.is_none());
            let one_by_one = match self.fire_together(&alone)? {
                Some(fired) => {
                    decisions.extend(fired);
                    Vec::new()
                }
                None => alone,
            };
            for (_, deployment) in one_by_one.into_iter().chain(members) {
                let is_lost = Cell::new(false);
                let decision = self.decide(&deployment.assistant, None, |head, now| {
                    let found = head.ok_or_else(|| no_deployment(&deployment.assistant));
                    let current =
                        found.and_then(|head| head.deployment).inspect_err(|_| is_lost.set(true))?;
                    let machine = &current.machine;
                    let timer = machine.timer().filter(|_| machine.is_timer_due(now));
                    let event = timer.map(|(_, generation)| Event::TimerFired { generation });
                    Ok((current, event))
                });
                match decision {
                    Ok(decision) if decision.changed => decisions.push(decision),
                    Ok(_) => {}
                    // It was deleted or damaged since the page was read, which concerns no other deployment.
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {
                        // Or it is in a group that cannot be read. Its timer stays due.
                        if !is_lost.get() {
                            held.push(deployment.id());
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            match next {
                Some(next) => query = query.after(Some(next)),
                None => return Ok(()),
            }
        }
    }

    /// Fires the timers of deployments in no group in one commit, so that many that are due at once share its flush. `None`
    /// if another decision about one of them came in between, or one is damaged: then each is fired by itself.
    fn fire_together(&self, found: &[Found]) -> Result<Option<Vec<Decision>>> {
        let now = self.access.now();
        let due = |machine: &Machine| machine.timer().filter(|_| machine.is_timer_due(now));
        let found: Vec<_> = found
            .iter()
            .filter_map(|(version, deployment)| Some((version, deployment, due(&deployment.machine)?.1)))
            .collect();
        if found.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let span = Entered::decide(self.supervisor.as_str());
        let (mut nodes, mut decisions) = (StoredNodes::new(self, now), Vec::new());
        for (version, deployment, generation) in found {
            let id = deployment.id();
            nodes.set(id, Some(*version), Some(deployment.clone()), deployment.clone());
            match step(&mut nodes, id, Event::TimerFired { generation }, now) {
                Ok(true) => decisions.push(Decision::of(nodes.deployment(id)?, true, now)),
                Ok(false) => {}
                Err(_) => return Ok(None),
            }
        }
        if decisions.is_empty() {
            return Ok(Some(decisions));
        }
        let mut batch = self.batch(None, &(), now)?;
        nodes.stage(&mut batch)?;
        if !self.commit_batch(batch)? {
            return Ok(None);
        }
        nodes.tell(&span, None);
        Ok(Some(decisions))
    }

    /// Those whose timer was set later than `now`.
    fn timers_set_ahead_of(&self, now: Timestamp) -> Query {
        let ahead = now.saturating_add(Duration::from_micros(1)).to_string();
        self.range("timer_set_at", Some(Scalar::Text(ahead)), None)
    }

    /// The first that can be read and is none of `held`.
    fn first(&self, query: Query, held: &[RecordId]) -> Result<Option<Deployment>> {
        let mut query = query.limit(1);
        loop {
            let (deployments, next) = self.page(&query)?;
            match (deployments.into_iter().find(|(_, deployment)| !held.contains(&deployment.id())), next) {
                (None, Some(next)) => query = query.after(Some(next)).limit(PAGE),
                (first, _) => return Ok(first.map(|(_, first)| first)),
            }
        }
    }
}
