//! Which members decide something, and where: a member means something only where the API defines it; elsewhere it is a stranger and passes.

use tollway_policy::admission::Endpoint;

/// The members that decide something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    N,
    Messages,
    Prompt,
    Input,
    Query,
    Documents,
    Tools,
    Functions,
}

impl Field {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::N => "n",
            Self::Messages => "messages",
            Self::Prompt => "prompt",
            Self::Input => "input",
            Self::Query => "query",
            Self::Documents => "documents",
            Self::Tools => "tools",
            Self::Functions => "functions",
        }
    }

    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }

    pub(super) fn of(key: &[u8], endpoint: Endpoint) -> Option<Self> {
        let text = matches!(endpoint, Endpoint::Chat | Endpoint::Completions);
        match key {
            b"model" => Some(Self::Model),
            b"stream" => Some(Self::Stream),
            b"stream_options" if text => Some(Self::StreamOptions),
            b"max_tokens" if text => Some(Self::MaxTokens),
            b"max_completion_tokens" if text => Some(Self::MaxCompletionTokens),
            b"n" if text || endpoint == Endpoint::Images => Some(Self::N),
            b"messages" if endpoint == Endpoint::Chat => Some(Self::Messages),
            b"tools" if endpoint == Endpoint::Chat => Some(Self::Tools),
            b"functions" if endpoint == Endpoint::Chat => Some(Self::Functions),
            b"prompt" if matches!(endpoint, Endpoint::Completions | Endpoint::Images) => Some(Self::Prompt),
            b"input" if matches!(endpoint, Endpoint::Embeddings | Endpoint::Audio | Endpoint::Moderations) => {
                Some(Self::Input)
            }
            b"query" if endpoint == Endpoint::Rerank => Some(Self::Query),
            b"documents" if endpoint == Endpoint::Rerank => Some(Self::Documents),
            _ => None,
        }
    }

    pub(super) const fn required(endpoint: Endpoint) -> &'static [Self] {
        match endpoint {
            Endpoint::Chat => &[Self::Model, Self::Messages],
            Endpoint::Completions | Endpoint::Images => &[Self::Model, Self::Prompt],
            Endpoint::Embeddings | Endpoint::Audio | Endpoint::Moderations => &[Self::Model, Self::Input],
            Endpoint::Rerank => &[Self::Model, Self::Query, Self::Documents],
        }
    }
}
