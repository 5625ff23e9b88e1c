//! Which paths are served, and what stands behind each.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Images,
    ImageEdits,
    Transcriptions,
    Speech,
    Moderations,
    Rerank,
}

/// What a path asks for, before the method and the body are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Call(Endpoint),
    Models,
    Model(&'a str),
    /// Below `/__sim/`; holds what follows.
    Control(&'a str),
    /// Clients probe a base URL with `HEAD /` or `GET /`.
    Root,
    Unknown,
}

impl Target<'_> {
    /// `path` comes without the query. With or without `/v1`: clients differ in what they take for the base URL.
    pub(crate) fn of(path: &str) -> Target<'_> {
        if path == "/" {
            return Target::Root;
        }
        if let Some(rest) = path.strip_prefix("/__sim/") {
            return Target::Control(rest);
        }
        match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => Target::Call(Endpoint::Chat),
            "/completions" => Target::Call(Endpoint::Completions),
            "/embeddings" => Target::Call(Endpoint::Embeddings),
            "/images/generations" => Target::Call(Endpoint::Images),
            "/images/edits" => Target::Call(Endpoint::ImageEdits),
            "/audio/transcriptions" | "/audio/translations" => Target::Call(Endpoint::Transcriptions),
            "/audio/speech" => Target::Call(Endpoint::Speech),
            "/moderations" => Target::Call(Endpoint::Moderations),
            "/rerank" => Target::Call(Endpoint::Rerank),
            "/models" => Target::Models,
            other => other.strip_prefix("/models/").map_or(Target::Unknown, Target::Model),
        }
    }
}
