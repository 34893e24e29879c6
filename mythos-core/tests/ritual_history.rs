//! A ritual as its users meet it: long histories, compaction, dictionaries.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use mythos_core::Mythos;
use mythos_core::ritual::{CompactRituals, RitualFilter, SaveRitual};

fn state(ritual: usize, step: usize) -> Vec<u8> {
    let messages: Vec<String> = (0..step)
        .map(|i| {
            format!("{{\"role\":\"user\",\"content\":\"message {i} of {ritual}: {}\"}}", blake3(ritual, i))
        })
        .collect();
    format!(
        "{{\"thread\":{ritual},\"policy\":\"{}\",\"messages\":[{}]}}",
        "all agents are polite and refund at most 50 EUR; ".repeat(20),
        messages.join(",")
    )
    .into_bytes()
}

fn blake3(a: usize, b: usize) -> String {
    mythos_core::types::Digest::of(format!("{a}/{b}").as_bytes()).to_string()
}

#[test]
fn every_entry_of_a_long_history_restores_before_and_after_compaction() {
    let mythos = Mythos::in_memory();
    let rituals = mythos.rituals();
    let mut saved = Vec::new();
    for ritual in 0..10_usize {
        for step in 1..=(if ritual == 0 { 200 } else { 12 }) {
            let save = SaveRitual::new("ana".parse().unwrap(), format!("r{ritual}").parse().unwrap());
            let payload = state(ritual, step);
            let entry = rituals.save(&save, &payload).unwrap();
            saved.push((entry.entry, payload));
        }
    }
    let check = |what: &str| {
        for (entry, payload) in &saved {
            let restored = rituals.restore(*entry).unwrap_or_else(|error| panic!("{what} {entry}: {error}"));
            assert!(restored.payload == *payload, "{what}: {entry}");
        }
        for ritual in 0..10 {
            let latest = rituals
                .latest(&"ana".parse().unwrap(), &format!("r{ritual}").parse().unwrap())
                .unwrap()
                .unwrap();
            assert_eq!(latest.payload, state(ritual, if ritual == 0 { 200 } else { 12 }));
        }
    };
    check("fresh");
    let heads = rituals.rituals(&Default::default(), None, 100).unwrap().items;
    let before: u64 = heads.iter().map(|head| head.stored_bytes).sum();
    let trained = rituals.train(&"ana".parse().unwrap()).unwrap();
    let report = rituals.compact(&CompactRituals::default()).unwrap();
    assert!(report.skipped.is_empty() && report.next.is_none(), "{report:?}");
    let heads = rituals.rituals(&Default::default(), None, 100).unwrap().items;
    let after: u64 = heads.iter().map(|head| head.stored_bytes).sum();
    assert!(after < before, "{trained:?}, {report:?}: {before} bytes became {after}");
    check("compacted");
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = rituals.list(&RitualFilter::default(), cursor, 7).unwrap();
        seen.extend(page.items.iter().map(|entry| (entry.created_at, entry.entry)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), saved.len());
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
}
