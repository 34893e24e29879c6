//! What came of the second act, and whether it is what was promised.

use std::path::PathBuf;

use mythos_core::healing::{Ending, HealingEvent};
use mythos_core::types::AssistantId;

use super::host::Deed::{self, Launched, Stopped};
use super::role::Role::{Checker, Editor, Reader};

/// Each of the crew is started once without a failure.
const FIRST_STARTS: usize = 3;

/// What the host did after something befell the crew, and whose runs went on.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    /// What was done, in order.
    pub(crate) deeds: Vec<Deed>,
    /// Whether the reader's run is the one that it was before.
    pub(crate) reader_went_on: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct CrewRecord {
    /// How many steps each has.
    pub(crate) steps: u64,
    /// After the checker was killed.
    pub(crate) checker_died: Scene,
    /// After the reader was killed.
    pub(crate) reader_died: Scene,
    /// After the checker was found going round in circles.
    pub(crate) checker_circled: Scene,
    /// After all was done.
    pub(crate) end: Scene,
    /// Acknowledged steps that were lost.
    pub(crate) lost: u64,
    /// Whose first starts and restarts the library recorded, by the moment at which each was ready.
    pub(crate) starts: Vec<AssistantId>,
    /// Every incident of healing, as the library recorded it.
    pub(crate) incidents: Vec<HealingEvent>,
    /// Whether the report equals one that was made without the crew, byte for byte.
    pub(crate) reports_are_equal: bool,
    /// The report.
    pub(crate) report: PathBuf,
}

impl CrewRecord {
    /// How many of the crew were brought back, all scenes together: the three first starts do not count.
    pub(crate) fn tree_restarts(&self) -> usize {
        self.starts.len().saturating_sub(FIRST_STARTS)
    }

    /// How many stalls a restart healed.
    pub(crate) fn stalls_healed(&self) -> usize {
        let is_healed = |event: &&HealingEvent| {
            let delta = event.symbolic_health_delta.value();
            event.triggered_by == "stall"
                && event.ending == Some(Ending::Healthy)
                && delta.is_some_and(|delta| delta > 0.0)
        };
        self.incidents.iter().filter(is_healed).count()
    }

    /// Each promise with whether it was kept.
    pub(crate) fn promises(&self) -> Vec<(bool, String)> {
        let scene = |scene: &Scene, deeds: &[Deed], reader_goes_on, after: &str| {
            let is_kept = scene.deeds == deeds && scene.reader_went_on == reader_goes_on;
            (is_kept, format!("after {after}, this was done: {scene:?}"))
        };
        vec![
            scene(
                &self.checker_died,
                &[Stopped(Editor), Launched(Checker), Launched(Editor)],
                true,
                "the checker was killed",
            ),
            scene(
                &self.reader_died,
                &[Stopped(Editor), Stopped(Checker), Launched(Reader), Launched(Checker), Launched(Editor)],
                false,
                "the reader was killed",
            ),
            scene(&self.checker_circled, &[Launched(Checker)], true, "the checker went round in circles"),
            scene(
                &self.end,
                &[Stopped(Editor), Stopped(Checker), Stopped(Reader)],
                true,
                "the crew's work was done",
            ),
            (self.starts_are_in_order(), format!("the library recorded other starts: {:?}", self.starts)),
            (self.stalls_healed() == 1, format!("the stall was not healed: {:?}", self.incidents)),
            (self.lost == 0, format!("{} acknowledged steps of the crew were lost", self.lost)),
            (self.reports_are_equal, "the crew's report differs from one made without it".to_owned()),
        ]
    }

    /// Whether the library's own record names the same starts, in the same order.
    fn starts_are_in_order(&self) -> bool {
        let scenes = [&self.checker_died, &self.reader_died, &self.checker_circled];
        let launched = scenes.iter().flat_map(|scene| &scene.deeds).filter_map(|deed| match deed {
            Launched(role) => Some(role.name()),
            Stopped(_) => None,
        });
        // The first starts come in no order: their group was up before it had members.
        let recorded = self.starts.iter().skip(FIRST_STARTS).map(AssistantId::as_str);
        recorded.eq(launched)
    }

    /// What a person is shown.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let compared = if self.reports_are_equal { "equal, byte for byte" } else { "DIFFERENT" };
        let healed = self.incidents.iter().filter_map(|event| event.symbolic_health_delta.value()).next();
        let healed = healed.map_or_else(
            || "NOT HEALED".to_owned(),
            |delta| format!("{} healed, its health rose by {delta:.2}", self.stalls_healed()),
        );
        vec![
            ("a crew of three, rest-for-one, steps each", self.steps.to_string()),
            ("  checker killed", told(&self.checker_died)),
            ("  reader killed", told(&self.reader_died)),
            ("  checker in circles, found by a rule", told(&self.checker_circled)),
            ("  stalls", healed),
            ("  at the end", told(&self.end)),
            ("  acknowledged steps lost", self.lost.to_string()),
            ("  report against one made directly", compared.to_owned()),
            ("  report", self.report.display().to_string()),
        ]
    }
}

/// What was done in a scene, in short.
fn told(scene: &Scene) -> String {
    let names = |of: fn(&Deed) -> Option<&'static str>| {
        let names: Vec<_> = scene.deeds.iter().filter_map(of).collect();
        names.join(", ")
    };
    let stopped = names(|deed| if let Stopped(role) = deed { Some(role.name()) } else { None });
    let launched = names(|deed| if let Launched(role) = deed { Some(role.name()) } else { None });
    let told = [("stopped", stopped), ("launched", launched)].into_iter().filter(|(_, who)| !who.is_empty());
    told.map(|(what, who)| format!("{what} {who}")).collect::<Vec<_>>().join("; ")
}
