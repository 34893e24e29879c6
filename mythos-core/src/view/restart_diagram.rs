//! The state diagram of a deployment, with the path of its incident, as values and as Mermaid text.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::restart_svg;
use crate::restart::{Deployment, Incident, StateName, Transition, TransitionCause, Visit};
use crate::types::{AssistantId, SupervisorId};

/// The states of a deployment's machine, the steps between them, and which of them its incident took.
///
/// Visits are numbered from 1 in the order of [`path`](Self::path), and a step has the numbers of the visits that it led
/// to. What led to the first visit is on no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartDiagram {
    /// Who supervises the deployment.
    pub supervisor: SupervisorId,
    /// The assistant.
    pub assistant: AssistantId,
    /// Where the deployment stands.
    pub state: StateName,
    /// The incident that is open or was the last; `None` if there was none.
    pub incident: Option<u64>,
    /// The states that the incident passed through; the first and the last of very many, at most
    /// [`Incident::MAX_KEPT`].
    pub path: Vec<Visit>,
    /// The number of the visit after which visits were left out, if any were.
    pub gap_after: Option<u32>,
    /// Every step that a machine takes, in the order of [`Transition::ALL`]; behind them, those of the path that are none of
    /// them, which only another version of this library can have recorded.
    pub edges: Vec<DiagramEdge>,
    /// The diagram for Mermaid, of the kind `stateDiagram-v2`.
    pub mermaid: String,
    /// The diagram as an SVG document that needs nothing else: it names itself to screen readers and follows the reader's
    /// choice of light or dark. At most [`RestartDiagram::MAX_SVG_BYTES`].
    pub svg: String,
}

/// A step between two states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagramEdge {
    /// From here.
    pub from: StateName,
    /// To here.
    pub to: StateName,
    /// What leads to it; `None` if this version of the library takes no such step.
    pub by: Option<TransitionCause>,
    /// The numbers of the visits that it led to, ascending; empty if the incident did not take it.
    pub taken: Vec<u32>,
}

impl DiagramEdge {
    /// Whether the diagrams draw it: what the walk of a recovery takes always, the others, which lead nearly everywhere from
    /// nearly everywhere, if they were taken.
    #[must_use]
    pub const fn is_drawn(&self) -> bool {
        matches!(self.by, Some(TransitionCause::Recovery)) || !self.taken.is_empty()
    }
}

impl RestartDiagram {
    /// The most bytes of [`svg`](Self::svg).
    pub const MAX_SVG_BYTES: usize = 128 * 1024;

    /// The diagram of a deployment.
    #[must_use]
    pub fn of(deployment: &Deployment) -> Self {
        let incident = deployment.machine.incident();
        let path: Vec<_> =
            incident.iter().flat_map(|incident| &incident.path).copied().take(Incident::MAX_KEPT).collect();
        // What is left out is left out in the middle of a path that is as long as one may be.
        let left_out = incident.is_some_and(|incident| incident.left_out > 0);
        let is_cut = left_out && path.len() == Incident::MAX_KEPT;
        let gap_after = is_cut.then_some(Incident::MAX_KEPT as u32 / 2);
        let mut diagram = Self {
            supervisor: deployment.supervisor.clone(),
            assistant: deployment.assistant.clone(),
            state: deployment.state,
            incident: incident.map(|incident| incident.number),
            edges: edges(&path, gap_after),
            path,
            gap_after,
            mermaid: String::new(),
            svg: String::new(),
        };
        diagram.mermaid = diagram.to_mermaid();
        diagram.svg = restart_svg::draw(&diagram);
        diagram
    }

    /// Whether the path passed through a state.
    pub(super) fn is_visited(&self, state: StateName) -> bool {
        self.path.iter().any(|visit| visit.state == state)
    }

    /// What the diagram is of.
    pub(super) fn title(&self) -> String {
        let (assistant, supervisor) = (&self.assistant, &self.supervisor);
        format!("Restarts of {assistant} under {supervisor}")
    }

    /// What the diagram shows, in words.
    pub(super) fn description(&self) -> String {
        let mut text = format!("The deployment is {}.", words(self.state));
        let Some(incident) = self.incident else {
            text.push_str(" It had no incident.");
            return text;
        };
        // Writing to a string cannot fail.
        let _ = write!(text, " Incident {incident} passed through: ");
        for (number, visit) in (1_u32..).zip(&self.path) {
            let _ = write!(text, "{}{number} {}", if number == 1 { "" } else { ", " }, words(visit.state));
            if self.gap_after == Some(number) {
                text.push_str(", then others that are left out");
            }
        }
        text.push('.');
        text
    }

    fn to_mermaid(&self) -> String {
        let mut text = String::from("stateDiagram-v2\n");
        let _ = writeln!(text, "    accTitle: {}", mermaid_text(&self.title()));
        let _ = writeln!(text, "    accDescr: {}", mermaid_text(&self.description()));
        for state in StateName::ALL {
            let _ = writeln!(text, "    state \"{}\" as {state}", words(state));
        }
        if let Some(first) = self.path.first() {
            let _ = writeln!(text, "    [*] --> {} : 1", first.state);
        }
        for edge in self.edges.iter().filter(|edge| edge.is_drawn()) {
            let _ = write!(text, "    {} --> {}", edge.from, edge.to);
            if !edge.taken.is_empty() {
                let _ = write!(text, " : {}", numbers(&edge.taken));
            }
            text.push('\n');
        }
        text.push_str("    classDef visited stroke-width:3px\n");
        text.push_str("    classDef current stroke-width:3px,font-weight:bold\n");
        for state in
            StateName::ALL.into_iter().filter(|state| self.is_visited(*state) && *state != self.state)
        {
            let _ = writeln!(text, "    class {state} visited");
        }
        let _ = writeln!(text, "    class {} current", self.state);
        text
    }
}

/// Every step, with the numbers of the visits that it led to.
fn edges(path: &[Visit], gap_after: Option<u32>) -> Vec<DiagramEdge> {
    let mut edges: Vec<_> = Transition::ALL
        .iter()
        .map(|step| DiagramEdge { from: step.from, to: step.to, by: Some(step.by), taken: Vec::new() })
        .collect();
    for (number, pair) in (1_u32..).zip(path.windows(2)) {
        // What was left out between two visits is no step from one to the other.
        if gap_after == Some(number) {
            continue;
        }
        let (from, to) = (pair[0].state, pair[1].state);
        match edges.iter_mut().find(|edge| (edge.from, edge.to) == (from, to)) {
            Some(edge) => edge.taken.push(number + 1),
            None => edges.push(DiagramEdge { from, to, by: None, taken: vec![number + 1] }),
        }
    }
    edges
}

/// The name of a state as a reader reads it.
pub(super) fn words(state: StateName) -> String {
    match state {
        StateName::MythpathReady => "mythpath-ready".to_owned(),
        _ => state.as_str().replace('_', " "),
    }
}

/// The numbers of a label: the first few, and that there are more.
pub(super) fn numbers(taken: &[u32]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<_> = taken.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if taken.len() > SHOWN { " …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Text in Mermaid: what could be syntax is an entity code, `#` and the code point and `;`, which is how Mermaid spells
/// characters (<https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters>).
fn mermaid_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | ',') {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "#{};", u32::from(c));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
