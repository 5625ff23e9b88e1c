//! The rows of the contract as they stand on the wire: positional, borrowed from the bytes, not yet believed.
//!
//! Limits on tokens and concurrency of accounts and keys are read past: they have their place on the wire before they are enforced.

use crate::ids::{Digest, Id};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
pub(super) struct GroupRow<'a> {
    pub(super) name: &'a str,
    pub(super) multiplier_micro: u64,
    #[serde(borrow)]
    pub(super) models: Vec<&'a str>,
    #[serde(deserialize_with = "clamped")]
    pub(super) rpm: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) tpm: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) concurrency: u32,
}

#[derive(Deserialize)]
pub(super) struct ModelRow<'a> {
    pub(super) name: &'a str,
    pub(super) kind: u8,
    pub(super) flags: u32,
    pub(super) owned_by: &'a str,
    pub(super) created_s: u64,
    pub(super) context: u64,
    pub(super) max_output: u64,
    #[serde(borrow)]
    pub(super) input_modalities: Vec<&'a str>,
    #[serde(borrow)]
    pub(super) output_modalities: Vec<&'a str>,
    #[serde(deserialize_with = "clamped")]
    pub(super) bytes_per_token_milli: u32,
    pub(super) price: Option<PriceRow>,
    #[serde(borrow)]
    pub(super) routes: Vec<RouteRow<'a>>,
    #[serde(deserialize_with = "clamped")]
    pub(super) rpm: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) tpm: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) concurrency: u32,
}

#[derive(Deserialize)]
pub(super) struct PriceRow {
    #[serde(deserialize_with = "id")]
    pub(super) id: Id,
    pub(super) token_pico: [u64; 10],
    pub(super) request_nano: u64,
    pub(super) image_nano: u64,
    pub(super) second_nano: u64,
    pub(super) character_pico: u64,
}

#[derive(Deserialize)]
pub(super) struct RouteRow<'a> {
    pub(super) upstream: &'a str,
    pub(super) upstream_model: &'a str,
    pub(super) priority: u64,
    pub(super) weight: u64,
}

#[derive(Deserialize)]
pub(super) struct UpstreamRow<'a> {
    pub(super) name: &'a str,
    pub(super) provider: u8,
    pub(super) base_url: &'a str,
    pub(super) flags: u32,
    #[serde(borrow)]
    pub(super) credentials: Vec<CredentialRow<'a>>,
    /// connect, tls, first byte, first token, idle, total
    pub(super) timeouts_ms: [u64; 6],
    #[serde(borrow)]
    pub(super) headers: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
pub(super) struct CredentialRow<'a> {
    #[serde(deserialize_with = "id")]
    pub(super) id: Id,
    pub(super) secret: &'a str,
}

#[derive(Deserialize)]
pub(super) struct AccountRow<'a> {
    #[serde(deserialize_with = "id")]
    pub(super) id: Id,
    pub(super) group: &'a str,
    pub(super) flags: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) rpm: u32,
    #[serde(deserialize_with = "clamped")]
    _tpm: u32,
    #[serde(deserialize_with = "clamped")]
    _concurrency: u32,
    #[serde(borrow)]
    pub(super) extra_groups: Vec<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct KeyRow<'a> {
    #[serde(deserialize_with = "digest")]
    pub(super) digest: Digest,
    #[serde(deserialize_with = "id")]
    pub(super) id: Id,
    #[serde(deserialize_with = "id")]
    pub(super) account: Id,
    pub(super) flags: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) expires_s: u32,
    #[serde(deserialize_with = "clamped")]
    pub(super) rpm: u32,
    #[serde(deserialize_with = "clamped")]
    _tpm: u32,
    #[serde(deserialize_with = "clamped")]
    _concurrency: u32,
    pub(super) endpoints: u32,
    pub(super) group: Option<&'a str>,
    #[serde(borrow)]
    pub(super) models: Option<Vec<&'a str>>,
    #[serde(borrow)]
    pub(super) networks: Option<Vec<&'a str>>,
}

#[derive(Deserialize)]
pub(super) struct GoneRow(#[serde(deserialize_with = "digest")] pub(super) Digest);

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    let bytes: &[u8] = serde_bytes::deserialize(deserializer)?;
    bytes.try_into().map(Id).map_err(|_| D::Error::custom("an id is not of 16 bytes"))
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let bytes: &[u8] = serde_bytes::deserialize(deserializer)?;
    bytes.try_into().map_err(|_| D::Error::custom("a digest is not of 32 bytes"))
}

/// Numbers beyond 32 bits say the same as the largest that fits: a limit that is none, an expiry after everybody here.
fn clamped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u64::deserialize(deserializer)?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}
