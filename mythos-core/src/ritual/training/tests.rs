use super::*;

/// Bytes that no state shares with another, the same in every run.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new_derive_key("training tests")
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut noise);
    noise
}

/// A state as agents have them: common instructions, a few messages that several sessions share, and its own text.
fn session(seed: u64) -> Vec<u8> {
    let hex =
        |seed, bytes: usize| noise(seed, bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut state =
        format!(r#"{{"thread_id":"{seed}","messages":[{{"role":"system","content":"{}"}}"#, hex(1000, 900));
    for turn in 0..3 {
        let shared = hex(2000 + (seed * 7 + turn * 3) % 5, 300);
        let own = hex(seed * 10 + turn, 20);
        state += &format!(r#",{{"role":"tool","content":"{shared}"}},{{"role":"user","content":"{own}"}}"#);
    }
    (state + "]}").into_bytes()
}

fn sessions(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(session).collect()
}

fn slices(samples: &[Vec<u8>]) -> Vec<&[u8]> {
    samples.iter().map(Vec::as_slice).collect()
}

#[test]
fn similar_states_get_a_dictionary_that_also_serves_others() {
    let samples = sessions(24);
    let trained =
        train(&slices(&samples), &TrainingOptions::new(48)).unwrap().expect("they share most of their bytes");
    assert!(
        trained.bytes_with * 3 < trained.bytes_without,
        "{} of {}",
        trained.bytes_with,
        trained.bytes_without
    );
    assert_eq!(trained.kind, DictionaryKind::of(&trained.content));

    let others: Vec<Vec<u8>> = (100..110).map(session).collect();
    let with = Dictionary::new(1, trained.content).unwrap();
    let without = candidate(Vec::new()).unwrap();
    for effort in [Effort::Hot, Effort::Compacted] {
        let with = compressed_bytes(&slices(&others), &with, effort).unwrap();
        let without = compressed_bytes(&slices(&others), &without, effort).unwrap();
        assert!(with * 5 < without, "{with} of {without}");
    }
}

#[test]
fn states_below_2_kib_gain_too() {
    let samples: Vec<Vec<u8>> = (0..60_u64)
        .map(|seed| {
            format!(
                r#"{{"thread_id":"t{seed}","messages":[{{"role":"user","content":"move {}"}}],"tools":["search_flights","book_reservation","cancel_reservation"],"model":"default","temperature":0.2}}"#,
                seed * 7919 % 1000
            )
            .into_bytes()
        })
        .collect();
    let trained = train(&slices(&samples), &TrainingOptions::new(10_000)).unwrap().unwrap();
    assert!(
        trained.bytes_with * 3 < trained.bytes_without,
        "{} of {}",
        trained.bytes_with,
        trained.bytes_without
    );
}

#[test]
fn unrelated_states_get_none() {
    for bytes in [50, 3000] {
        let samples: Vec<Vec<u8>> = (0..20).map(|seed| noise(seed, bytes)).collect();
        for wholes in [1, 40, 1_000_000] {
            assert_eq!(train(&slices(&samples), &TrainingOptions::new(wholes)).unwrap(), None);
        }
    }
}

#[test]
fn too_few_states_or_wholes_get_none() {
    let options = TrainingOptions::new(1000);
    assert_eq!(train(&[], &options).unwrap(), None);
    assert_eq!(train(&[b"", b"", b""], &options).unwrap(), None);
    assert_eq!(train(&[&session(1)], &options).unwrap(), None);
    // One whole cannot pay for two copies.
    assert_eq!(train(&slices(&sessions(6)), &TrainingOptions::new(1)).unwrap(), None);
}

/// What sessions in two halves share only within their half earns nothing for rituals yet to come.
#[test]
fn learning_samples_by_heart_gains_nothing_for_other_rituals() {
    // Each state occurs at two places of the same parity, so that only the other half knows nothing of it.
    let samples: Vec<Vec<u8>> = (0..16_u64).map(|index| noise(index / 4 * 2 + index % 2, 4000)).collect();
    let for_these = train(&slices(&samples), &TrainingOptions::new(32)).unwrap();
    assert!(for_these.is_some(), "each of the sampled states is stored four times");
    let for_many = train(&slices(&samples), &TrainingOptions::new(100_000)).unwrap();
    assert_eq!(for_many, None);
}

#[test]
fn the_same_samples_give_the_same_dictionary() {
    let samples = sessions(16);
    let options = TrainingOptions::new(100);
    assert_eq!(train(&slices(&samples), &options).unwrap(), train(&slices(&samples), &options).unwrap());
}

#[test]
fn contents_and_samples_stay_in_their_bounds() {
    let samples = sessions(40);
    for (max_bytes, sample_bytes) in
        [(6000, 1 << 20), (256 << 10, 40_000), (usize::MAX, 20_000), (0, 1 << 20), (10, 0)]
    {
        let options = TrainingOptions { max_bytes, sample_bytes, ..TrainingOptions::new(80) };
        let bounds = Bounds::of(&options);
        let taken = bounds.sample(&slices(&samples));
        assert!(taken.iter().map(|sample| sample.len()).sum::<usize>() <= sample_bytes);
        if let Some(trained) = train(&slices(&samples), &options).unwrap() {
            assert!(trained.content.len() <= max_bytes.min(MAX_DICTIONARY_BYTES));
        }
    }
    let options = TrainingOptions { max_bytes: 6000, ..TrainingOptions::new(80) };
    assert!(
        train(&slices(&samples), &options).unwrap().is_some(),
        "a bound that leaves room still allows one"
    );
}

#[test]
fn samples_are_taken_from_the_whole_range() {
    let samples: Vec<Vec<u8>> = (0..1000).map(|seed| noise(seed, 100)).collect();
    let taken = take_evenly(&slices(&samples), 10_000);
    assert!((95..=100).contains(&taken.len()));
    for part in samples.chunks(100) {
        let of_part = part.iter().filter(|sample| taken.contains(&sample.as_slice())).count();
        assert!((9..=11).contains(&of_part));
    }
}

#[test]
fn a_state_that_begins_like_a_trained_dictionary_does_no_harm() {
    let samples: Vec<Vec<u8>> = sessions(8)
        .into_iter()
        .map(|session| [&super::super::dictionary::ZDICT_MAGIC[..], &session].concat())
        .collect();
    let trained = train(&slices(&samples), &TrainingOptions::new(16)).unwrap().unwrap();
    let dictionary = Dictionary::new(1, trained.content).unwrap();
    let mut frame = Vec::new();
    dictionary.compress(&samples[0], Effort::Hot, &mut frame).unwrap();
    assert_eq!(dictionary.decompress(&frame, samples[0].len() as u64).unwrap(), samples[0]);
}

#[test]
fn only_a_dictionary_better_by_the_margin_replaces_another() {
    let samples = sessions(24);
    let samples = slices(&samples);
    let options = TrainingOptions::new(48);
    let new = train(&samples, &options).unwrap().unwrap();

    let unrelated = Dictionary::new(1, noise(7, 2000)).unwrap();
    assert!(earns_replacement(&unrelated, &new, &samples, &options).unwrap());
    let equal = Dictionary::new(2, new.content.clone()).unwrap();
    assert!(!earns_replacement(&equal, &new, &samples, &options).unwrap());
    let slightly_better = Trained { bytes_with: new.bytes_with * 19 / 20, ..new.clone() };
    assert!(!earns_replacement(&equal, &slightly_better, &samples, &options).unwrap());
    let much_better = Trained { bytes_with: new.bytes_with / 2, ..new };
    assert!(earns_replacement(&equal, &much_better, &samples, &options).unwrap());
}
