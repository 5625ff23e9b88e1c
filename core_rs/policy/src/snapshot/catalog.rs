//! What can be called and where it goes: groups, models, channels, upstreams. Small tables, replaced whole.

use crate::health::{ChannelLive, ModelLive};
use crate::ids::Id;
use crate::money::Price;
use crate::retry::RetryBudget;
use core::fmt;
use hashbrown::HashMap;
use std::sync::Arc;

/// What a model does, which decides at which endpoints it can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    Chat,
    Completion,
    Embedding,
    Image,
    Audio,
    Rerank,
    Moderation,
}

impl ModelKind {
    pub(super) const fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Chat,
            1 => Self::Completion,
            2 => Self::Embedding,
            3 => Self::Image,
            4 => Self::Audio,
            5 => Self::Rerank,
            6 => Self::Moderation,
            _ => return None,
        })
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
            Self::Embedding => "embedding",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Rerank => "rerank",
            Self::Moderation => "moderation",
        }
    }
}

/// Whose dialect an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    OpenAi,
    Anthropic,
    Gemini,
    Azure,
    Simulator,
}

impl Provider {
    pub(super) const fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::OpenAi,
            1 => Self::Anthropic,
            2 => Self::Gemini,
            3 => Self::Azure,
            4 => Self::Simulator,
            _ => return None,
        })
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Azure => "azure",
            Self::Simulator => "simulator",
        }
    }

    /// Whether bytes of the OpenAI dialect can be forwarded as they are. Azure's v1 API takes them, with the key as a bearer token.
    #[must_use]
    #[inline]
    pub const fn speaks_openai(self) -> bool {
        matches!(self, Self::OpenAi | Self::Azure | Self::Simulator)
    }
}

/// A group: which models its accounts may call, at which multiplier, within which limits.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: Box<str>,
    pub multiplier_micro: u64,
    pub rpm: u32,
    pub tpm: u32,
    pub concurrency: u32,
    pub(crate) patterns: Box<[Box<str>]>,
    /// One bit per model of the snapshot, by [`Model::index`].
    pub(crate) allowed: Box<[u64]>,
}

impl Group {
    #[must_use]
    #[inline]
    pub fn allows(&self, model: &Model) -> bool {
        let (word, bit) = (model.index as usize / 64, model.index % 64);
        self.allowed.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
    }
}

/// A model as clients ask for it by name.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: Box<str>,
    pub kind: ModelKind,
    /// Costs nothing; needs no price.
    pub free: bool,
    pub enabled: bool,
    pub owned_by: Box<str>,
    pub created_s: u64,
    /// Context length in tokens; 0 is "not stated".
    pub context: u64,
    /// Output cap in tokens; 0 is "not stated".
    pub max_output: u64,
    pub input_modalities: Box<[Box<str>]>,
    pub output_modalities: Box<[Box<str>]>,
    pub bytes_per_token_milli: u32,
    /// The current price version. Holds keep the model, and with it this version.
    pub price: Option<Arc<Price>>,
    /// Sorted by priority; the index of a channel here is its name within the request.
    pub channels: Box<[Channel]>,
    pub rpm: u32,
    pub tpm: u32,
    pub concurrency: u32,
    pub live: Arc<ModelLive>,
    /// Its place in the snapshot's list.
    pub index: u32,
}

/// One way to serve a model.
#[derive(Clone, Debug)]
pub struct Channel {
    pub upstream: Arc<Upstream>,
    /// What the upstream calls the model.
    pub upstream_model: Box<str>,
    /// Lower first.
    pub priority: u16,
    pub weight: u16,
    pub live: Arc<ChannelLive>,
}

/// A provider's endpoint.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub name: Box<str>,
    pub provider: Provider,
    pub tls: bool,
    /// Name or address without brackets, as a resolver takes it.
    pub host: Box<str>,
    pub port: u16,
    /// Empty or `/…`, never with a slash at its end.
    pub base_path: Box<str>,
    /// What the `Host` header says: the port only where it is not the scheme's own.
    pub authority: Box<str>,
    pub enabled: bool,
    pub private_address_allowed: bool,
    /// May be empty: an upstream without authentication.
    pub credentials: Box<[Credential]>,
    pub timeouts: Timeouts,
    /// Lower-case name, value; sent with every request.
    pub headers: Box<[(Box<str>, Box<str>)]>,
    pub live: Arc<UpstreamLive>,
}

impl Upstream {
    /// One of the credentials by a uniformly drawn number; `None` where there are none.
    #[must_use]
    #[inline]
    pub fn credential(&self, random: u64) -> Option<&Credential> {
        let count = self.credentials.len() as u64;
        self.credentials.get(random.checked_rem(count)? as usize)
    }
}

/// A provider's key. Never printed.
#[derive(Clone)]
pub struct Credential {
    pub id: Id,
    pub secret: Box<str>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The upstream's own timeouts; 0 means the node's setting holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    pub connect_ms: u32,
    pub tls_ms: u32,
    pub first_byte_ms: u32,
    pub first_token_ms: u32,
    pub idle_ms: u32,
    pub total_ms: u32,
}

/// The live state of one upstream. Outlives snapshots.
#[derive(Debug, Default)]
pub struct UpstreamLive {
    pub retries: RetryBudget,
}

/// The models of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Models {
    pub(super) list: Box<[Arc<Model>]>,
    pub(super) by_name: HashMap<Box<[u8]>, u32>,
}

impl Models {
    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Model>> {
        self.list.get(*self.by_name.get(name)? as usize)
    }
}
