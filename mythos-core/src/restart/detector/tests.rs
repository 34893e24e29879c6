use proptest::prelude::*;

use super::*;

fn at(microseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(microseconds).unwrap()
}

fn policy(change: impl FnOnce(&mut DetectorPolicyOptions)) -> DetectorPolicy {
    let mut options = DetectorPolicyOptions::default();
    change(&mut options);
    DetectorPolicy::new(options).unwrap()
}

/// A detector after heartbeats so many microseconds apart, the first at 0; and the time of the last.
fn after(policy: DetectorPolicy, intervals: &[i64]) -> (HeartbeatDetector, i64) {
    let mut detector = HeartbeatDetector::new(policy);
    let mut now = 0;
    detector.heartbeat(at(now));
    for interval in intervals {
        now += interval;
        detector.heartbeat(at(now));
    }
    (detector, now)
}

#[test]
fn phi_is_that_of_worked_numbers() {
    // Two samples, 900 ms and 1,100 ms: a mean of 1,000 ms and a deviation of 100 ms, without a pause.
    let exact = policy(|options| {
        options.max_samples = 2;
        options.acceptable_pause_ms = 0;
        options.min_std_deviation_ms = 1;
    });
    let (detector, last) = after(exact, &[900_000, 1_100_000]);
    // Q(-1), Q(0), Q(1), Q(2), Q(3), Q(5) from the table of the normal distribution.
    for (milliseconds, probability) in [
        (900, 0.841_344_75_f64),
        (1_000, 0.5),
        (1_100, 0.158_655_25),
        (1_200, 0.022_750_132),
        (1_300, 0.001_349_898),
        (1_500, 2.866_516e-7),
    ] {
        let phi = detector.phi(at(last + milliseconds * 1_000));
        assert!((phi + probability.log10()).abs() < 1e-6, "{milliseconds} ms: {phi}");
    }
    // 10^-8 lies 5.612 deviations out; the step of 1/4096 of a deviation is 25 µs.
    let suspected_after = detector.suspected_at().unwrap().as_microseconds() - last;
    assert!((1_561_200..=1_561_230).contains(&suspected_after), "{suspected_after}");
}

#[test]
fn the_first_interval_and_the_pause_stand_in_for_what_was_not_seen() {
    let mut detector = HeartbeatDetector::new(DetectorPolicy::default());
    assert_eq!((detector.phi(at(0)), detector.suspected_at()), (0.0, None));
    assert!(detector.is_available(Timestamp::MAX), "nothing was heard, nothing is missing");
    detector.heartbeat(at(0));
    // 1 s, 3 s and 5.612 times 250 ms.
    let suspected_at = detector.suspected_at().unwrap().as_microseconds();
    assert!((5_403_000..=5_403_100).contains(&suspected_at), "{suspected_at}");
}

#[test]
fn pauses_are_not_learned() {
    let (mut detector, last) = after(DetectorPolicy::default(), &[1_000_000; 50]);
    let before = detector.intervals.clone();
    let suspected_at = detector.suspected_at().unwrap();
    let mut in_time = detector.clone();
    detector.heartbeat(suspected_at);
    assert_eq!(detector.intervals, before, "suspected when it came");
    assert_eq!(detector.last_heartbeat_at(), Some(suspected_at));
    in_time.heartbeat(suspected_at.saturating_sub(Duration::from_micros(1)));
    assert_ne!(in_time.intervals, before, "one microsecond earlier it was not");

    let slow = policy(|options| {
        options.acceptable_pause_ms = DetectorPolicy::MAX_DURATION_MS - 1_000;
        options.min_std_deviation_ms = DetectorPolicy::MAX_DURATION_MS;
    });
    let mut detector = HeartbeatDetector::new(slow);
    detector.heartbeat(at(0));
    let before = detector.intervals.clone();
    detector.heartbeat(at(MAX_INTERVAL_US as i64 + 1));
    assert!(detector.intervals == before, "longer than a day");
    detector.resume(at(last));
    assert!(detector.intervals == before, "a new process");
}

#[test]
fn a_clock_that_is_set_back_breaks_nothing() {
    let (mut detector, last) = after(DetectorPolicy::default(), &[1_000_000; 5]);
    let before = detector.intervals.clone();
    let earlier = at(last - 3_600_000_000);
    assert_eq!(detector.phi(earlier), detector.phi(at(last)));
    assert!(detector.is_available(earlier));
    detector.heartbeat(earlier);
    assert_eq!(detector.intervals, before);
    assert!(detector.suspected_at().unwrap() < at(last), "it is measured from the heartbeat on");
    detector.heartbeat(earlier.saturating_add(Duration::from_secs(1)));
    assert_ne!(detector.intervals, before);
}

#[test]
fn the_ends_of_time_are_no_exception() {
    let mut detector = HeartbeatDetector::new(DetectorPolicy::default());
    detector.heartbeat(Timestamp::MIN);
    assert_eq!(detector.phi(Timestamp::MAX), HeartbeatDetector::MAX_PHI);
    detector.heartbeat(Timestamp::MAX);
    assert_eq!(detector.suspected_at(), None);
    assert!(detector.is_available(Timestamp::MAX));
}

#[test]
fn serialized_nonsense_is_refused() {
    let (detector, _) = after(policy(|options| options.max_samples = 4), &[1_000_000; 9]);
    let json = serde_json::to_value(&detector).unwrap();
    assert_eq!(json["intervals_us"].as_array().unwrap().len(), 4, "it is bounded");
    let refused = |intervals: serde_json::Value| {
        let mut json = json.clone();
        json["intervals_us"] = intervals;
        serde_json::from_value::<HeartbeatDetector>(json).unwrap_err().to_string()
    };
    assert!(refused(serde_json::json!([])).contains("1 to 4"));
    assert!(refused(serde_json::json!([1, 2, 3, 4, 5])).contains("not 5"));
    assert!(refused(serde_json::json!([MAX_INTERVAL_US + 1])).contains("at most"));
}

fn policies() -> impl Strategy<Value = DetectorPolicy> {
    (DetectorPolicy::THRESHOLDS, 2_u32..12, 1_u64..5_000, 0_u64..10_000, 1_u64..10_000).prop_map(
        |(threshold, max_samples, min_std_deviation_ms, acceptable_pause_ms, first_interval_ms)| {
            DetectorPolicy::new(DetectorPolicyOptions {
                threshold,
                max_samples,
                min_std_deviation_ms,
                acceptable_pause_ms,
                first_interval_ms,
            })
            .unwrap()
        },
    )
}

/// Intervals from none to some that are suspicious, in microseconds.
fn streams() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![0_i64..2_000_000, 0_i64..100_000_000], 0..30)
}

proptest! {
    #[test]
    fn phi_never_falls_and_is_finite(
        policy in policies(),
        intervals in streams(),
        mut moments in prop::collection::vec(prop_oneof![0_i64..20_000_000, 0_i64..1_000_000_000_000], 2..20),
    ) {
        let (detector, last) = after(policy, &intervals);
        moments.extend(moments.clone().iter().map(|moment| moment + 1));
        moments.sort_unstable();
        let phis: Vec<_> = moments.iter().map(|moment| detector.phi(at(last + moment))).collect();
        prop_assert!(phis.is_sorted());
        prop_assert!(phis.iter().all(|phi| (0.0..=HeartbeatDetector::MAX_PHI).contains(phi)));
    }

    #[test]
    fn suspicion_begins_exactly_when_it_says(policy in policies(), intervals in streams()) {
        let (detector, _) = after(policy, &intervals);
        let suspected_at = detector.suspected_at().unwrap();
        let threshold = policy.options().threshold;
        prop_assert!(detector.phi(suspected_at) >= threshold);
        let before = suspected_at.saturating_sub(Duration::from_micros(1));
        prop_assert!(detector.phi(before) < threshold);
        prop_assert!(detector.is_available(before) && !detector.is_available(suspected_at));
    }

    #[test]
    fn a_regular_stream_is_never_suspected_before_its_mean_and_the_pause(
        policy in policies(),
        percent in 50_i64..=100,
        count in 1_usize..40,
    ) {
        let interval = policy.options().first_interval_ms as i64 * 10 * percent;
        let (mut detector, mut now) = after(policy, &[]);
        for _ in 0..count {
            now += interval;
            prop_assert!(detector.is_available(at(now)));
            detector.heartbeat(at(now));
        }
        let pause = policy.options().acceptable_pause_ms as i64 * 1_000;
        prop_assert!(detector.suspected_at().unwrap() > at(now + interval + pause));
    }

    #[test]
    fn what_is_suspicious_when_it_comes_is_not_learned(
        policy in policies(),
        intervals in streams(),
        late in 0_i64..1_000_000_000_000,
    ) {
        let (mut detector, _) = after(policy, &intervals);
        let before = detector.intervals.clone();
        let now = detector.suspected_at().unwrap().as_microseconds() + late;
        detector.heartbeat(at(now));
        prop_assert_eq!(&detector.intervals, &before);
        prop_assert!(detector.is_available(at(now)), "and yet it is back");
    }

    #[test]
    fn a_detector_goes_on_from_what_was_serialized(
        policy in policies(),
        before in streams(),
        behind in streams(),
    ) {
        let (mut detector, mut now) = after(policy, &before);
        let text = serde_json::to_string(&detector).unwrap();
        let mut restored: HeartbeatDetector = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&restored, &detector);
        for interval in behind {
            now += interval;
            detector.heartbeat(at(now));
            restored.heartbeat(at(now));
            prop_assert_eq!(restored.phi(at(now + 1_500_000)).to_bits(), detector.phi(at(now + 1_500_000)).to_bits());
            prop_assert_eq!(restored.suspected_at(), detector.suspected_at());
        }
        prop_assert_eq!(restored, detector);
    }
}
