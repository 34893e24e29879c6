//! Labelled runs: real sessions as they are, and the same sessions caught in loops.

use std::path::Path;

use serde_json::{Map, Value, json};

/// Entries that a loop goes on for.
pub(crate) const LOOP_ENTRIES: usize = 16;

/// Sessions with fewer states are left out: a run as long as the policy's must fit before the loop begins.
const MIN_STATES: usize = 10;

/// How a run was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The session as it was recorded.
    Recorded,
    /// The session as it was recorded, but for one turn that is made twice: a retry, not a loop.
    Retried,
    /// The last turn again and again.
    Repeated,
    /// The last two turns in alternation.
    Alternated,
    /// The last turn again and again, each time with other ids and times in its messages.
    Renumbered,
    /// The last turn again and again, the assistant's words of it replaced by ever new excuses.
    Apologised,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Recorded, Self::Retried, Self::Repeated, Self::Alternated, Self::Renumbered, Self::Apologised];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Retried => "one turn retried",
            Self::Repeated => "turn repeated",
            Self::Alternated => "two turns alternated",
            Self::Renumbered => "repeated, new ids and times",
            Self::Apologised => "repeated, excuses rephrased",
        }
    }

    pub(crate) const fn loops(self) -> bool {
        !matches!(self, Self::Recorded | Self::Retried)
    }
}

/// A session: its states in their order, each written anew by this program. What a spliced state changes is then the
/// splice, and not also the order of members or the spelling of numbers.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) states: Vec<Vec<u8>>,
}

/// The sessions of one set, in the order of their file names.
pub(crate) fn read_set(directory: &Path) -> std::io::Result<Vec<Session>> {
    let mut files: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.path().extension().is_some_and(|extension| extension == "jsonl"));
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut sessions = Vec::new();
    for file in files {
        let text = std::fs::read(file.path())?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let states = lines.map(|line| serde_json::to_vec(&serde_json::from_slice::<Value>(line)?));
        sessions.push(Session { states: states.collect::<Result<_, _>>()? });
    }
    sessions.retain(|session| session.states.len() >= MIN_STATES);
    Ok(sessions)
}

/// The payloads of one run of `kind`, and the index of the first entry of its loop. `None` if the session's states are
/// not objects with `messages` that grow by the end, so that no turn can be repeated.
pub(crate) fn run(session: &Session, kind: Kind, random: &mut Random) -> Option<(Vec<Vec<u8>>, usize)> {
    let states = &session.states;
    if kind == Kind::Recorded {
        return Some((states.clone(), states.len()));
    }
    // Somewhere in the second half, so that there is something to repeat.
    let start = states.len() / 2 + random.below(states.len() / 2);
    let mut state: Map<String, Value> = serde_json::from_slice(&states[start - 1]).ok()?;
    let turns = if kind == Kind::Alternated { 2 } else { 1 };
    let cycle = last_turns(messages(&state)?, turns)?;
    let rolls = start >= 2 && {
        let before: Map<String, Value> = serde_json::from_slice(&states[start - 2]).ok()?;
        messages(&before)?.len() == messages(&state)?.len()
    };
    let spliced = if kind == Kind::Retried { cycle.len() } else { LOOP_ENTRIES };
    let mut payloads = states[..start].to_vec();
    for step in 0..spliced {
        let mut message = cycle[step % cycle.len()].clone();
        match kind {
            Kind::Renumbered => renumber(&mut message, step, random),
            Kind::Apologised if is_assistant(&message) => apologise(&mut message, random),
            _ => {}
        }
        extend(&mut state, message, rolls, states.get(start + step), step)?;
        payloads.push(serde_json::to_vec(&state).ok()?);
    }
    if kind == Kind::Retried {
        // The session goes on: the messages that followed, after the turn made twice.
        for (step, next) in states[start..].iter().enumerate() {
            let next_state: Map<String, Value> = serde_json::from_slice(next).ok()?;
            let message = messages(&next_state)?.last()?.clone();
            extend(&mut state, message, rolls, states.get(start + spliced + step), spliced + step)?;
            payloads.push(serde_json::to_vec(&state).ok()?);
        }
    }
    Some((payloads, start))
}

fn messages(state: &Map<String, Value>) -> Option<&Vec<Value>> {
    state.get("messages")?.as_array()
}

fn is_assistant(message: &Value) -> bool {
    message.get("role").and_then(Value::as_str) == Some("assistant")
}

/// The messages from the assistant's last message but `turns - 1` that something answered, to the end.
fn last_turns(messages: &[Value], turns: usize) -> Option<Vec<Value>> {
    let mut left = turns;
    let end = messages.len().checked_sub(1)?;
    let begin = (0..end).rev().find(|index| {
        left -= usize::from(is_assistant(&messages[*index]));
        left == 0
    });
    let cycle = &messages[begin?..];
    (cycle.len() <= LOOP_ENTRIES / 2).then(|| cycle.to_vec())
}

/// Adds a message as the host would have: a window drops its oldest, and what stands beside the messages changes as it
/// did in `recorded`, the state that was saved at this place; past the session's end, a step counts on.
fn extend(
    state: &mut Map<String, Value>,
    message: Value,
    rolls: bool,
    recorded: Option<&Vec<u8>>,
    step: usize,
) -> Option<()> {
    match recorded {
        Some(recorded) => {
            let recorded: Map<String, Value> = serde_json::from_slice(recorded).ok()?;
            for (key, value) in recorded.into_iter().filter(|(key, _)| key != "messages") {
                state.insert(key, value);
            }
        }
        None => {
            for (_, value) in state.iter_mut().filter(|(key, _)| *key != "messages") {
                count_on(value, step);
            }
        }
    }
    let messages = state.get_mut("messages")?.as_array_mut()?;
    if rolls && !messages.is_empty() {
        messages.remove(0);
    }
    messages.push(message);
    Some(())
}

/// Changes the numbers of a header, as another step would.
fn count_on(value: &mut Value, step: usize) {
    match value {
        Value::Number(number) => *value = json!(number.as_u64().unwrap_or(0) + 1 + 317 * (step as u64 % 7)),
        Value::Object(members) => members.values_mut().for_each(|member| count_on(member, step)),
        _ => {}
    }
}

/// Gives a message the ids and the time of another call.
fn renumber(message: &mut Value, step: usize, random: &mut Random) {
    let Some(members) = message.as_object_mut() else { return };
    members.insert("id".to_owned(), json!(format!("call_{:016x}", random.next())));
    let (minute, second) = (step % 60, random.below(60));
    let millisecond = random.below(1000);
    let time = format!("2026-03-14T09:{minute:02}:{second:02}.{millisecond:03}Z");
    members.insert("created_at".to_owned(), json!(time));
}

/// Replaces the assistant's words by an excuse that is seldom the same.
fn apologise(message: &mut Value, random: &mut Random) {
    const OPENINGS: [&str; 8] = [
        "I apologize for the confusion.",
        "Sorry about that, it seems I made a mistake.",
        "My apologies for the oversight.",
        "You're right, that did not work as expected.",
        "I see that the previous attempt failed.",
        "It looks like there was a problem with my last step.",
        "Unfortunately, this did not succeed.",
        "Apologies, I misread the output.",
    ];
    const PLANS: [&str; 8] = [
        "Let me try that again.",
        "I will retry the same request now.",
        "Let me attempt this once more with the correct arguments.",
        "I'll run the command again to make sure.",
        "Let's give it another try.",
        "I will now repeat the operation.",
        "Let me double-check and execute it again.",
        "I'm going to try one more time.",
    ];
    const ENDINGS: [&str; 6] = [
        "Thank you for your patience.",
        "This should resolve the issue.",
        "Please bear with me.",
        "I appreciate your understanding.",
        "",
        "One moment, please.",
    ];
    let words = [OPENINGS[random.below(8)], PLANS[random.below(8)], ENDINGS[random.below(6)]]
        .join(" ")
        .trim_end()
        .to_owned();
    if let Some(members) = message.as_object_mut() {
        members.insert("content".to_owned(), json!(words));
    }
}

/// SplitMix64: the same seed gives the same runs everywhere.
///
/// Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
