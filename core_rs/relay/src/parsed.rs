//! A request's body, in whichever of its two forms, as the phases ask about it.

use tollway_policy::admission::{Demand, Endpoint};
use tollway_policy::refusal::{Code, Refusal};
use tollway_wire::head::RequestHead;
use tollway_wire::multipart::{self, MultipartFacts};
use tollway_wire::path::BodyKind;
use tollway_wire::request::{self, Facts, IncludeUsage, Plan};

/// Sound at 128 kbit/s, for durations that no answer states.
const BYTES_PER_MILLISECOND: u64 = 16;

/// Where a request goes.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// The path below the upstream's base.
    pub(crate) suffix: &'static str,
    pub(crate) body: BodyKind,
}

/// What the scan of the body found.
pub(crate) enum Parsed {
    Json(Facts),
    Form(MultipartFacts),
}

/// 415 unless the body is of the form that the path takes; a missing content type is taken as JSON.
pub(crate) fn check_media_type(head: &RequestHead, inbuf: &[u8], kind: BodyKind) -> Result<(), Refusal> {
    let encoding = head.content_encoding.map(|span| span.of(inbuf).trim_ascii()).unwrap_or_default();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity") {
        return Err(Refusal::new(Code::UnsupportedEncoding, "Send the body without a Content-Encoding."));
    }
    let given = head.content_type.map(|span| span.of(inbuf)).unwrap_or(b"application/json");
    let essence = given.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let fits = match kind {
        BodyKind::Json => {
            essence.eq_ignore_ascii_case(b"application/json")
                || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"))
        }
        BodyKind::Multipart => essence.eq_ignore_ascii_case(b"multipart/form-data"),
    };
    let wanted = match kind {
        BodyKind::Json => "Send the body as application/json.",
        BodyKind::Multipart => "Send the body as multipart/form-data.",
    };
    if fits { Ok(()) } else { Err(Refusal::new(Code::UnsupportedMediaType, wanted)) }
}

pub(crate) fn scan(body: &[u8], head: &RequestHead, inbuf: &[u8], target: Target) -> Result<Parsed, Refusal> {
    match target.body {
        BodyKind::Json => request::scan(body, target.endpoint).map(Parsed::Json),
        BodyKind::Multipart => {
            let content_type = head.content_type.map(|span| span.of(inbuf)).unwrap_or_default();
            let boundary = multipart::boundary(content_type)
                .ok_or_else(|| Refusal::invalid("boundary", "The Content-Type header names no multipart boundary."))?;
            multipart::scan(body, boundary).map(Parsed::Form)
        }
    }
}

impl Parsed {
    pub(crate) fn model_name<'a>(&self, body: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match self {
            Parsed::Json(facts) => request::model_name(facts, body, scratch),
            Parsed::Form(facts) => facts.model.of(body),
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        match self {
            Parsed::Json(facts) => facts.stream,
            Parsed::Form(facts) => facts.stream,
        }
    }

    /// The client asked for the usage event itself.
    pub(crate) fn wants_usage(&self) -> bool {
        matches!(self, Parsed::Json(facts) if matches!(facts.include_usage, IncludeUsage::True))
    }

    pub(crate) fn input_text_bytes(&self) -> u64 {
        match self {
            Parsed::Json(facts) => facts.text_bytes,
            Parsed::Form(facts) => facts.text_bytes,
        }
    }

    pub(crate) fn images(&self) -> u64 {
        match self {
            Parsed::Json(facts) => facts.images,
            Parsed::Form(facts) => facts.images,
        }
    }

    pub(crate) fn characters(&self) -> u64 {
        match self {
            Parsed::Json(facts) => facts.characters,
            Parsed::Form(_) => 0,
        }
    }

    /// How long a form's sound lasts if it is an ordinary MP3. Where the answer states no duration this is charged, marked as an estimate.
    pub(crate) fn milliseconds_estimate(&self, endpoint: Endpoint) -> u64 {
        match self {
            Parsed::Form(facts) if endpoint == Endpoint::Audio => facts.file_bytes.div_ceil(BYTES_PER_MILLISECOND),
            _ => 0,
        }
    }

    pub(crate) fn demand(&self, endpoint: Endpoint, body_bytes: u64) -> Demand {
        match self {
            Parsed::Json(facts) => Demand {
                endpoint,
                body_bytes,
                max_output: facts.max_output,
                choices: facts.choices,
                images: facts.images,
                characters: facts.characters,
                milliseconds_max: 0,
            },
            // One byte of speech is at least a millisecond's eighth-kilobit: 8 kbit/s is the thinnest codec that providers take.
            Parsed::Form(facts) => Demand {
                endpoint,
                body_bytes: facts.text_bytes + if endpoint == Endpoint::Images { facts.file_bytes } else { 0 },
                max_output: None,
                choices: 1,
                images: facts.images,
                characters: 0,
                milliseconds_max: if endpoint == Endpoint::Audio { facts.file_bytes } else { 0 },
            },
        }
    }

    pub(crate) fn plan(
        &self,
        body: &[u8],
        upstream_model: &str,
        add_usage: bool,
        cap: Option<u64>,
        scratch: &mut Vec<u8>,
    ) -> Plan {
        match self {
            Parsed::Json(facts) => request::plan(body, facts, Some(upstream_model), add_usage, cap, scratch),
            Parsed::Form(facts) => multipart::plan(body, facts, Some(upstream_model), scratch),
        }
    }
}
