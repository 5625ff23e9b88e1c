use tollway_policy::admission::Endpoint;
use crate::Span;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind { Json, Multipart }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Relay { endpoint: Endpoint, upstream_suffix: &'static str, body: BodyKind },
    Models,
    /// The decoded id; the span lies in the scratch given to [`route`].
    Model(Span),
    /// `/api/status`, `/healthz`, `/readyz`.
    NodeApi,
    /// `/metrics`: private unless switched on.
    Metrics,
    /// Everything outside `/v1`, `/v1beta` and the rest of this list: the control plane's.
    Control,
    /// Below `/v1` or `/v1beta`, but nothing we serve: a JSON 404.
    UnknownV1,
    /// `/internal/…`, and every spelling that a lenient reader could take for it: a JSON 404.
    Internal,
}
impl Route {
    /// The value of `Allow`; `None`: any method.
    pub fn allow(&self) -> Option<&'static str> { None }
}
/// `path` without the query, as it came. `scratch` is cleared first.
pub fn route(_path: &[u8], _scratch: &mut Vec<u8>) -> Route { Route::Control }
