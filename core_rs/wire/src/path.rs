//! Which door a path leads to.
//!
//! Clients double slashes and end paths with one; both are forgiven. Percent-encoding and dot segments are undone before the question
//! "whose is it" is asked, because the control plane behind us undoes them too: `/%69nternal/` must not slip through to it.

use tollway_policy::admission::Endpoint;

use crate::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Json,
    Multipart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To an upstream; `upstream_suffix` follows its base URL.
    Relay { endpoint: Endpoint, upstream_suffix: &'static str, body: BodyKind },
    /// `/v1/models`.
    Models,
    /// `/v1/models/{id}`: the decoded id; the span lies in the scratch given to [`route`].
    Model(Span),
    /// `/api/status`, `/healthz`, `/readyz`.
    NodeApi,
    /// `/metrics`: private unless switched on.
    Metrics,
    /// Everything else: the control plane's.
    Control,
    /// Below `/v1` or `/v1beta`, but nothing we serve: a JSON 404.
    UnknownV1,
    /// `/internal/…` in any spelling, and paths that climb with `..`: a JSON 404.
    Internal,
}

impl Route {
    /// The value of `Allow`; `None`: the method is not ours to judge.
    pub fn allow(&self) -> Option<&'static str> {
        match self {
            Self::Relay { .. } => Some("POST"),
            Self::Models | Self::Model(_) | Self::NodeApi | Self::Metrics => Some("GET, HEAD"),
            Self::Control | Self::UnknownV1 | Self::Internal => None,
        }
    }

    /// Whether the path takes this method. OPTIONS is the business of who answers preflights.
    pub fn allows(&self, method: crate::head::Method) -> bool {
        use crate::head::Method;
        match self {
            Self::Relay { .. } => method == Method::Post,
            Self::Models | Self::Model(_) | Self::NodeApi | Self::Metrics => {
                matches!(method, Method::Get | Method::Head)
            }
            Self::Control | Self::UnknownV1 | Self::Internal => true,
        }
    }
}

/// Finds the route of a path (without its query). `scratch` is cleared first; a [`Route::Model`] points into it.
pub fn route(path: &[u8], scratch: &mut Vec<u8>) -> Route {
    if let Some(route) = known(path) {
        return route;
    }
    if !decode(path, scratch) || scratch.split(|byte| *byte == b'/').any(|segment| segment == b".." || segment == b".")
    {
        return Route::Internal;
    }
    collapse_slashes(scratch);
    if is_below(scratch, b"/internal") {
        return Route::Internal;
    }
    if let Some(route) = known(scratch) {
        return route;
    }
    if let Some(id) = scratch.strip_prefix(b"/v1/models/").filter(|id| !id.is_empty()) {
        return Route::Model(Span::new(scratch.len() - id.len(), scratch.len()));
    }
    if is_below(scratch, b"/v1") || is_below(scratch, b"/v1beta") {
        return Route::UnknownV1;
    }
    Route::Control
}

/// The paths that we serve ourselves, in their plain spelling. `/chat/completions` without `/v1` is what a base URL without it makes.
fn known(path: &[u8]) -> Option<Route> {
    let relay = |endpoint, upstream_suffix, body| Some(Route::Relay { endpoint, upstream_suffix, body });
    match path {
        b"/v1/chat/completions" | b"/chat/completions" => relay(Endpoint::Chat, "/chat/completions", BodyKind::Json),
        b"/v1/completions" => relay(Endpoint::Completions, "/completions", BodyKind::Json),
        b"/v1/embeddings" => relay(Endpoint::Embeddings, "/embeddings", BodyKind::Json),
        b"/v1/images/generations" => relay(Endpoint::Images, "/images/generations", BodyKind::Json),
        b"/v1/images/edits" => relay(Endpoint::Images, "/images/edits", BodyKind::Multipart),
        b"/v1/audio/speech" => relay(Endpoint::Audio, "/audio/speech", BodyKind::Json),
        b"/v1/audio/transcriptions" => relay(Endpoint::Audio, "/audio/transcriptions", BodyKind::Multipart),
        b"/v1/audio/translations" => relay(Endpoint::Audio, "/audio/translations", BodyKind::Multipart),
        b"/v1/moderations" => relay(Endpoint::Moderations, "/moderations", BodyKind::Json),
        b"/v1/rerank" => relay(Endpoint::Rerank, "/rerank", BodyKind::Json),
        b"/v1/models" => Some(Route::Models),
        b"/api/status" | b"/healthz" | b"/readyz" => Some(Route::NodeApi),
        b"/metrics" => Some(Route::Metrics),
        _ => None,
    }
}

fn is_below(path: &[u8], root: &[u8]) -> bool {
    path.get(..root.len()).is_some_and(|start| start.eq_ignore_ascii_case(root))
        && matches!(path.get(root.len()), None | Some(b'/'))
}

/// Undoes percent-encoding. False when it is broken, or hides a NUL or a backslash, which some servers take for a slash.
fn decode(path: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut rest = path;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |at: usize| behind.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return false;
        };
        out.push((high << 4 | low) as u8);
        rest = behind.get(2..).unwrap_or_default();
    }
    !out.iter().any(|byte| matches!(byte, 0 | b'\\'))
}

/// `//v1///models/` → `/v1/models`.
fn collapse_slashes(path: &mut Vec<u8>) {
    path.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
    if path.len() > 1 && path.last() == Some(&b'/') {
        path.pop();
    }
}

#[cfg(test)]
mod tests;
