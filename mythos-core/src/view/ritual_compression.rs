//! The read model of `/ritual/compression`: the cached states of rituals, and what can be done with them.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ritual::{
    CompressedRitual, RitualCompressionCache, RitualFilter, RitualHead, RitualHeadFilter, RitualPoint,
    RitualTotals, Stall, StallPolicy, TotalRituals,
};
use crate::store::{Cursor, Page};
use crate::types::{AssistantId, RitualId};

/// What a page at `/ritual/compression` shows. Nothing of it touches a payload, and every answer is bounded.
///
/// ```
/// use mythos_core::ritual::{SaveRitual, TotalRituals};
/// use mythos_core::view::RitualCompressionView;
/// use mythos_core::Mythos;
///
/// let mythos = Mythos::in_memory();
/// let (ana, refund) = ("ana".parse()?, "refund".parse()?);
/// mythos.rituals().save(&SaveRitual::new("ana".parse()?, "refund".parse()?), &[b'a'; 1000])?;
///
/// let view = RitualCompressionView::new(mythos.rituals());
/// let totals = view.totals(&TotalRituals::default())?;
/// assert_eq!((totals.rituals, totals.entries, totals.raw_bytes), (1, 1, 1000));
/// assert!(totals.ratio().unwrap() < 0.2);
/// let overview = view.overview(&ana, &refund, 100)?;
/// assert_eq!(overview.points[0].raw_bytes, 1000);
/// assert_eq!(overview.stall, None);
/// # Ok::<(), mythos_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RitualCompressionView {
    rituals: RitualCompressionCache,
}

/// One ritual at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RitualOverview {
    /// How its states grow: see [`RitualCompressionCache::curve`]; empty if there is no such ritual.
    pub points: Vec<RitualPoint>,
    /// The stall that it ends in, if it does, by the default [`StallPolicy`].
    pub stall: Option<Stall>,
}

/// What a user of the page may do; each is a method of [`RitualCompressionCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RitualVerb {
    /// [`RitualCompressionCache::verify`]: one entry; [`RitualCompressionCache::scrub`]: all.
    Verify,
    /// Deleting entries by a retention policy.
    Prune,
    /// [`RitualCompressionCache::compact`].
    Compact,
    /// [`RitualCompressionCache::restore`].
    Restore,
}

impl RitualVerb {
    /// All of them, in the order in which a page offers them.
    pub const ALL: [Self; 4] = [Self::Verify, Self::Prune, Self::Compact, Self::Restore];
}

impl RitualCompressionView {
    /// The view of a cache, for one tenant.
    #[must_use]
    pub const fn new(rituals: RitualCompressionCache) -> Self {
        Self { rituals }
    }

    /// What rituals take together, by encoding if asked: see [`RitualCompressionCache::totals`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn totals(&self, request: &TotalRituals) -> Result<RitualTotals> {
        self.rituals.totals(request)
    }

    /// One page of rituals, the last saved to first: see [`RitualCompressionCache::rituals`].
    ///
    /// # Errors
    /// Those of [`RitualCompressionCache::rituals`].
    pub fn rituals(
        &self,
        filter: &RitualHeadFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<RitualHead>> {
        self.rituals.rituals(filter, after, limit)
    }

    /// One page of entries, the newest first: see [`RitualCompressionCache::list`].
    ///
    /// # Errors
    /// Those of [`RitualCompressionCache::list`].
    pub fn entries(
        &self,
        filter: &RitualFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<CompressedRitual>> {
        self.rituals.list(filter, after, limit)
    }

    /// How one ritual grows, in at most `max_points` points, and whether it stalls.
    ///
    /// # Errors
    /// Those of [`RitualCompressionCache::curve`].
    pub fn overview(
        &self,
        assistant: &AssistantId,
        ritual: &RitualId,
        max_points: u32,
    ) -> Result<RitualOverview> {
        Ok(RitualOverview {
            points: self.rituals.curve(assistant, ritual, max_points)?,
            stall: self.rituals.stalled(assistant, ritual, &StallPolicy::default())?,
        })
    }
}
