use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::restart::{DetectorPolicyOptions, FailureKind};

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(milliseconds * 1_000).unwrap()
}

fn id(name: &str) -> AssistantId {
    AssistantId::new(name).unwrap()
}

fn names(suspicions: &[Suspicion]) -> Vec<&str> {
    suspicions.iter().map(|suspicion| suspicion.assistant.as_str()).collect()
}

#[test]
fn each_suspect_is_told_of_once_until_its_next_heartbeat() {
    let mut monitor = HeartbeatMonitor::new(DetectorPolicy::default());
    assert_eq!((monitor.poll_timeout(), monitor.watched()), (None, 0));
    assert!(monitor.heartbeat(&id("ana"), 1, at(0)).unwrap());
    assert!(monitor.heartbeat(&id("ben"), 3, at(500)).unwrap());
    let timeout = monitor.poll_timeout().unwrap();
    assert!(monitor.suspects(timeout.saturating_sub(Duration::from_micros(1))).is_empty());

    let suspicions = monitor.suspects(timeout);
    assert_eq!(names(&suspicions), ["ana"]);
    let suspicion = &suspicions[0];
    assert_eq!((suspicion.run, suspicion.suspected_at), (1, timeout));
    assert_eq!(suspicion.last_heartbeat_at, at(0));
    assert!(suspicion.phi >= 8.0 && Some(suspicion.phi) == monitor.phi(&id("ana"), timeout));
    assert_eq!(suspicion.reason.as_str(), "no heartbeat for 5403 ms, phi 8.0");
    let report = ReportFailure::from(suspicion.clone());
    assert_eq!((report.run, report.kind), (Some(1), FailureKind::Unresponsive));

    assert!(monitor.suspects(timeout).is_empty());
    assert_eq!(names(&monitor.suspects(at(60_000))), ["ben"]);
    assert_eq!((monitor.poll_timeout(), monitor.watched()), (None, 2));
    assert!(monitor.heartbeat(&id("ana"), 1, at(60_000)).unwrap());
    assert_eq!(names(&monitor.suspects(at(120_000))), ["ana"]);
}

#[test]
fn heartbeats_of_older_runs_do_not_count() {
    let mut monitor = HeartbeatMonitor::new(DetectorPolicy::default());
    assert!(monitor.heartbeat(&id("ana"), 2, at(0)).unwrap());
    let before = monitor.clone();
    assert!(!monitor.heartbeat(&id("ana"), 1, at(2_000)).unwrap());
    assert_eq!(monitor, before);
    // A new run begins to be watched at once, and the time of the restart is not learned.
    assert!(monitor.heartbeat(&id("ana"), 3, at(4_000)).unwrap());
    let span = |monitor: &HeartbeatMonitor, last| {
        monitor.poll_timeout().unwrap().saturating_duration_since(at(last))
    };
    assert_eq!(span(&monitor, 4_000), span(&before, 0));
    assert!(!monitor.heartbeat(&id("ana"), 2, at(5_000)).unwrap());
    assert_eq!(monitor.heartbeat(&id("ana"), u64::MAX, at(0)).unwrap_err().field(), Some("run"));
}

#[test]
fn who_is_forgotten_is_not_suspected() {
    let mut monitor = HeartbeatMonitor::new(DetectorPolicy::default());
    monitor.heartbeat(&id("ana"), 1, at(0)).unwrap();
    assert!(monitor.forget(&id("ana")));
    assert!(!monitor.forget(&id("ana")));
    assert_eq!((monitor.poll_timeout(), monitor.phi(&id("ana"), at(0))), (None, None));
    assert!(monitor.suspects(at(60_000)).is_empty());
}

#[test]
fn the_number_of_assistants_is_bounded() {
    let small = DetectorPolicyOptions { max_samples: 2, ..DetectorPolicyOptions::default() };
    let mut monitor = HeartbeatMonitor::new(DetectorPolicy::new(small).unwrap());
    for index in 0..HeartbeatMonitor::MAX_ASSISTANTS {
        monitor.heartbeat(&id(&index.to_string()), 1, at(index as i64)).unwrap();
    }
    let error = monitor.heartbeat(&id("one more"), 1, at(0)).unwrap_err();
    assert_eq!((error.kind(), error.field()), (crate::ErrorKind::Limit, Some("assistant")));
    assert!(monitor.heartbeat(&id("7"), 1, at(1_000)).unwrap(), "known ones are heard");
    assert!(monitor.forget(&id("7")));
    assert!(monitor.heartbeat(&id("one more"), 1, at(0)).unwrap());
}

#[test]
fn a_clock_that_is_set_back_hides_nobody() {
    let mut monitor = HeartbeatMonitor::new(DetectorPolicy::default());
    monitor.heartbeat(&id("reported"), 1, at(3_600_000)).unwrap();
    assert_eq!(monitor.suspects(at(3_700_000)).len(), 1);
    monitor.heartbeat(&id("ana"), 1, at(3_700_000)).unwrap();
    assert!(monitor.suspects(at(1_000)).is_empty());
    let timeout = monitor.poll_timeout().unwrap();
    assert!(at(1_000) < timeout && timeout < at(10_000), "an hour earlier than before");
    assert_eq!(names(&monitor.suspects(timeout)), ["ana"]);
}

proptest! {
    /// Against one detector for each assistant, asked at every moment.
    #[test]
    fn a_monitor_says_what_its_detectors_say(
        events in prop::collection::vec((0_usize..5, 0_i64..4_000, any::<bool>()), 0..80),
    ) {
        let policy = DetectorPolicy::default();
        let mut monitor = HeartbeatMonitor::new(policy);
        let mut detectors: BTreeMap<AssistantId, (HeartbeatDetector, bool)> = BTreeMap::new();
        let mut now = 0;
        for (who, step, is_heartbeat) in events {
            now += step;
            if is_heartbeat {
                let assistant = id(&who.to_string());
                prop_assert!(monitor.heartbeat(&assistant, 1, at(now)).unwrap());
                let (detector, is_reported) =
                    detectors.entry(assistant).or_insert_with(|| (HeartbeatDetector::new(policy), false));
                detector.heartbeat(at(now));
                *is_reported = false;
            } else {
                let mut suspected: Vec<_> = names(&monitor.suspects(at(now))).into_iter().map(id).collect();
                suspected.sort();
                let mut expected = Vec::new();
                for (assistant, (detector, is_reported)) in &mut detectors {
                    if !*is_reported && !detector.is_available(at(now)) {
                        *is_reported = true;
                        expected.push(assistant.clone());
                    }
                }
                prop_assert_eq!(suspected, expected);
            }
            let waiting = detectors.values().filter(|(_, is_reported)| !is_reported);
            let timeout = waiting.filter_map(|(detector, _)| detector.suspected_at()).min();
            prop_assert_eq!(monitor.poll_timeout(), timeout);
        }
    }
}
