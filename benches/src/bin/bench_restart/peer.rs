//! Restarts of `ractor-supervisor`: the last of a group's children fails as soon as it is up.
//!
//! Its rest-for-one sleeps 10 ms at every restart, so that names are free again. What would be measured there is the sleep:
//! its one-for-one stands for it, which for the last child is the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mythos_benches::measure::time;
use ractor::concurrency::Duration;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use ractor_supervisor::{
    ChildSpec, Restart, SpawnFn, Supervisor, SupervisorArguments, SupervisorOptions, SupervisorStrategy,
};
use tokio::sync::Notify;

use crate::tree::CHILDREN;

/// Restarts that are measured.
const RESTARTS: u64 = 5_000;

/// A child; one that fails does at its first message and from then on as soon as it is up, until it was restarted often
/// enough.
struct Worker {
    fails: Option<Arc<Failing>>,
}

#[derive(Default)]
struct Failing {
    starts: AtomicU64,
    is_up: Notify,
    is_done: Notify,
}

#[ractor::async_trait]
impl Actor for Worker {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        if let Some(failing) = &self.fails {
            match failing.starts.fetch_add(1, Ordering::Relaxed) {
                0 => failing.is_up.notify_one(),
                RESTARTS => failing.is_done.notify_one(),
                _ => myself.cast(())?,
            }
        }
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("out of memory".into())
    }
}

fn name(index: usize) -> String {
    format!("child {index}")
}

fn child(index: usize, failing: &Arc<Failing>) -> ChildSpec {
    let fails = (index + 1 == CHILDREN).then(|| failing.clone());
    ChildSpec {
        id: name(index),
        restart: Restart::Permanent,
        spawn_fn: SpawnFn::new(move |supervisor, id| {
            let worker = Worker { fails: fails.clone() };
            async move { Ok(Supervisor::spawn_linked(id, worker, (), supervisor).await?.0.get_cell()) }
        }),
        backoff_fn: None,
        reset_after: None,
    }
}

/// On one core, as it has them in a runtime of one thread.
pub(crate) fn restarts_per_second() -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failing = Arc::new(Failing::default());
    let options = SupervisorOptions {
        strategy: SupervisorStrategy::OneForOne,
        max_restarts: usize::MAX,
        max_window: Duration::from_millis(1),
        reset_after: None,
    };
    let child_specs = (0..CHILDREN).map(|index| child(index, &failing)).collect();
    let arguments = SupervisorArguments { child_specs, options };
    let (supervisor, ended) = runtime.block_on(Supervisor::spawn("root".to_owned(), arguments)).unwrap();
    runtime.block_on(failing.is_up.notified());
    let last = ractor::registry::where_is(name(CHILDREN - 1)).unwrap();
    let elapsed = time(|| {
        last.send_message(()).unwrap();
        runtime.block_on(failing.is_done.notified());
    });
    supervisor.stop(None);
    runtime.block_on(ended).unwrap();
    RESTARTS as f64 / elapsed.as_secs_f64()
}
