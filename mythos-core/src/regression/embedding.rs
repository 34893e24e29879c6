//! How alike an embedding finds two texts: one more signal, which decides nothing.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::text::Text;

/// What made a vector. Vectors of different embedders are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderId {
    /// The model, 1 to 200 bytes.
    pub model: String,
    /// Its version, 1 to 200 bytes.
    pub version: String,
    /// How many numbers a vector has, 1 to [`EmbedderId::MAX_DIMENSION`].
    pub dimension: u32,
}

impl EmbedderId {
    /// The most numbers of a vector.
    pub const MAX_DIMENSION: u32 = 65_536;

    const MAX_NAME: usize = 200;

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the field.
    pub fn validate(&self) -> Result<()> {
        for (field, name) in [("model", &self.model), ("version", &self.version)] {
            if name.is_empty() || name.len() > Self::MAX_NAME {
                return Err(Error::invalid(
                    field,
                    format!("a name is 1 to {} bytes, not {}", Self::MAX_NAME, name.len()),
                ));
            }
        }
        if self.dimension == 0 || self.dimension > Self::MAX_DIMENSION {
            let message =
                format!("a vector has 1 to {} numbers, not {}", Self::MAX_DIMENSION, self.dimension);
            return Err(Error::invalid("dimension", message));
        }
        Ok(())
    }
}

/// Turns texts into vectors: the host's own model, or [`HashedNgrams`].
pub trait Embedder: Send + Sync {
    /// What this embedder is.
    fn identity(&self) -> EmbedderId;

    /// The vector of each text, in their order, each of the identity's dimension.
    ///
    /// # Errors
    /// Whatever the embedder meets; the assessment then fails with it.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>>;
}

/// How alike two texts are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Similarity {
    /// The cosine of the angle between their vectors, from −1 to 1.
    pub cosine: f64,
    /// What made the vectors.
    pub embedder: EmbedderId,
}

impl Similarity {
    /// How alike each older version is to its newer one.
    ///
    /// # Errors
    /// What the embedder meets; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `embedder`, if its vectors are not as
    /// many, or not of the dimension, as it says, or hold something that is no number.
    pub fn of_pairs(pairs: &[(&str, &str)], embedder: &dyn Embedder) -> Result<Vec<Self>> {
        let identity = embedder.identity();
        identity.validate()?;
        let texts: Vec<_> = pairs.iter().flat_map(|(old, new)| [*old, *new]).collect();
        let vectors = embedder.embed(&texts)?;
        if vectors.len() != texts.len() {
            let message = format!("{} vectors came for {} texts", vectors.len(), texts.len());
            return Err(Error::invalid("embedder", message));
        }
        for vector in &vectors {
            if vector.len() != identity.dimension as usize || vector.iter().any(|value| !value.is_finite()) {
                let message = format!("a vector is not {} finite numbers", identity.dimension);
                return Err(Error::invalid("embedder", message));
            }
        }
        let similarities = vectors.chunks_exact(2).map(|pair| match pair {
            [old, new] => Self { cosine: cosine(old, new), embedder: identity.clone() },
            _ => Self { cosine: 0.0, embedder: identity.clone() },
        });
        Ok(similarities.collect())
    }
}

/// The cosine of the angle between two vectors; 1 if both are empty of anything, 0 if one is.
fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |one: &[f32], other: &[f32]| {
        one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let (own, others) = (dot(one, one), dot(other, other));
    if own == 0.0 || others == 0.0 {
        return if own == others { 1.0 } else { 0.0 };
    }
    (dot(one, other) / libm::sqrt(own * others)).clamp(-1.0, 1.0)
}

/// An embedder that needs nothing: the n-grams of three to five characters of a text's normal form, hashed into so many
/// places with a sign (K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009).
///
/// It knows which letters two texts share and nothing of what they mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HashedNgrams;

impl HashedNgrams {
    /// How many numbers its vectors have.
    pub const DIMENSION: u32 = 1_024;
}

impl Embedder for HashedNgrams {
    fn identity(&self) -> EmbedderId {
        EmbedderId {
            model: "mythos-hashed-ngrams".to_owned(),
            version: "1".to_owned(),
            dimension: Self::DIMENSION,
        }
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| ngrams(text)).collect())
    }
}

fn ngrams(text: &str) -> Vec<f32> {
    let text = Text::new(text);
    let mut letters = vec![b' '];
    for token in text.tokens() {
        letters.extend_from_slice(text.normal(token).as_bytes());
        letters.push(b' ');
    }
    let mut vector = vec![0.0_f32; HashedNgrams::DIMENSION as usize];
    for length in 3..=5 {
        for gram in letters.windows(length) {
            let hash = fnv(gram);
            let place = (hash % u64::from(HashedNgrams::DIMENSION)) as usize;
            if let Some(value) = vector.get_mut(place) {
                *value += if hash >> 63 == 0 { 1.0 } else { -1.0 };
            }
        }
    }
    vector
}

/// FNV-1a with 64 bits (draft-eastlake-fnv), finished by the mixer of SplitMix64 so that the high bits are as good.
fn fnv(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
