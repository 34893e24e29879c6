use std::collections::BTreeSet;

use super::*;
use crate::types::Timestamp;

fn visits(states: &[StateName]) -> Vec<Visit> {
    states.iter().map(|state| Visit { state: *state, at: Timestamp::UNIX_EPOCH }).collect()
}

fn diagram(assistant: &str, states: &[StateName]) -> RestartDiagram {
    let path = visits(states);
    RestartDiagram {
        supervisor: "support".parse().unwrap(),
        assistant: assistant.parse().unwrap(),
        state: StateName::Restoring,
        incident: Some(1),
        edges: edges(&path, None),
        path,
        gap_after: None,
        mermaid: String::new(),
        svg: String::new(),
    }
}

#[test]
fn every_state_has_a_place_of_its_own() {
    let listed: BTreeSet<_> = Transition::ALL.iter().flat_map(|step| [step.from, step.to]).collect();
    assert_eq!(listed, StateName::ALL.into_iter().collect(), "diagrams name the states of the machine");
    let svg = restart_svg::draw(&diagram("ana", &[]));
    let places: BTreeSet<_> =
        svg.split(r#"<rect class="state" "#).skip(1).map(|rest| rest.split(" width").next()).collect();
    assert_eq!(places.len(), StateName::ALL.len());
}

#[test]
fn names_cannot_leave_their_place() {
    let name = "a\"<b>&'; --> x # %% \u{fffe} ```";
    let diagram = diagram(name, &[]);
    let (svg, mermaid) = (restart_svg::draw(&diagram), diagram.to_mermaid());
    assert!(!svg.contains(name) && !svg.contains("<b>") && !svg.contains('\u{fffe}'));
    assert!(svg.contains("a&quot;&lt;b&gt;&amp;&apos;; --&gt; x"));
    assert!(
        mermaid.contains("    accTitle: Restarts of a#34;#60;b#62;#38;#39;#59; --#62; x #35; "),
        "{mermaid}"
    );
    assert_eq!(mermaid.lines().filter(|line| line.contains("Restarts of")).count(), 1);
}

#[test]
fn what_was_left_out_is_no_step() {
    let half = Incident::MAX_KEPT / 2;
    let mut path = vec![StateName::BackingOff; half];
    path.extend(vec![StateName::Aligning; half]);
    let cut = edges(&visits(&path), Some(half as u32));
    assert!(!cut.iter().any(|edge| (edge.from, edge.to) == (StateName::BackingOff, StateName::Aligning)));
    let whole = edges(&visits(&path), None);
    let strange: Vec<_> = whole.iter().filter(|edge| edge.by.is_none()).collect();
    let strange = strange.iter().find(|edge| edge.from != edge.to).unwrap();
    assert_eq!((strange.from, strange.to), (StateName::BackingOff, StateName::Aligning));
    assert_eq!(strange.taken, [half as u32 + 1]);
    let told = RestartDiagram { gap_after: Some(2), ..diagram("ana", &path[..3]) }.description();
    assert!(
        told.ends_with("1 backing off, 2 backing off, then others that are left out, 3 backing off."),
        "{told}"
    );
}

#[test]
fn the_largest_drawing_is_bounded() {
    let mut largest = diagram(&"\"".repeat(150), &[StateName::AwaitingOperator; Incident::MAX_KEPT]);
    // Also if another version recorded steps that this one does not take.
    largest.edges.clear();
    for from in StateName::ALL {
        let taken: Vec<_> = (1..=64).collect();
        let edge = |to| DiagramEdge { from, to, by: None, taken: taken.clone() };
        largest.edges.extend(StateName::ALL.into_iter().map(edge));
    }
    let svg = restart_svg::draw(&largest);
    assert!(svg.len() <= RestartDiagram::MAX_SVG_BYTES, "{}", svg.len());
}
