//! The endpoints of the relay, as keys are narrowed to them and as usage rows name them.

use crate::snapshot::ModelKind;

/// Where a request was sent. The order is that of the bits in a key's row and of the numbers in a usage row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Images,
    Audio,
    Moderations,
    Rerank,
}

impl Endpoint {
    pub const ALL: [Self; 7] =
        [Self::Chat, Self::Completions, Self::Embeddings, Self::Images, Self::Audio, Self::Moderations, Self::Rerank];

    /// Its number in a usage row.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its bit in a key's row.
    #[must_use]
    #[inline]
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Audio => "audio",
            Self::Moderations => "moderations",
            Self::Rerank => "rerank",
        }
    }

    /// Whether models of this kind can be called here. A chat model completes text too.
    #[must_use]
    #[inline]
    pub const fn serves(self, kind: ModelKind) -> bool {
        match self {
            Self::Chat => matches!(kind, ModelKind::Chat),
            Self::Completions => matches!(kind, ModelKind::Chat | ModelKind::Completion),
            Self::Embeddings => matches!(kind, ModelKind::Embedding),
            Self::Images => matches!(kind, ModelKind::Image),
            Self::Audio => matches!(kind, ModelKind::Audio),
            Self::Moderations => matches!(kind, ModelKind::Moderation),
            Self::Rerank => matches!(kind, ModelKind::Rerank),
        }
    }

    /// Whether the model writes text there that a `max_tokens` can cap.
    #[must_use]
    pub(super) const fn writes_text(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }
}
