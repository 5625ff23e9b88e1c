//! Who answers: a plan before a script in the name before a demo model. Scripted chat is rendered once and kept per thread.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::Answer;
use crate::config::Config;
use crate::demo::{self, Call};
use crate::endpoint::{Endpoint, Target};
use crate::frame::frame;
use crate::log::{Log, unix_ms};
use crate::payload::{JSON, Payload};
use crate::plan::Plans;
use crate::refusal::Refusal;
use crate::render::{Ask, scripted};
use crate::request::Method;
use crate::script::Script;
use crate::skim;
use crate::stats::Counters;
use crate::unreachable::Unreachable;

/// What all threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) plans: Plans,
    pub(crate) log: Arc<Log>,
    pub(crate) counters: Vec<Arc<Counters>>,
    pub(crate) unreachable: Unreachable,
}

/// What one thread has for itself.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    /// One map per form of the same model: chat or completions, streamed or not, usage asked for or not. The lock is never contended.
    pub(crate) rendered: Mutex<[HashMap<String, Arc<Answer>>; FORMS]>,
}

pub(crate) const FORMS: usize = 8;
/// Kept renderings per form, and the size up to which one is worth keeping. When full, a map starts anew.
const RENDERED_MAX: usize = 256;
const RENDERED_BYTES_MAX: usize = 1 << 20;

/// A request as the answer depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) method: Method,
    pub(crate) target: Target<'a>,
    pub(crate) bearer: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) is_form: bool,
}

#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) answer: Arc<Answer>,
    /// Empty where no model was named.
    pub(crate) model: Cow<'a, str>,
}

pub(crate) fn reply<'a>(thread: &Thread, view: &View<'a>) -> Reply<'a> {
    let mut model = Cow::Borrowed("");
    let answer = match answer(thread, view, &mut model) {
        Ok(answer) => answer,
        Err(refusal) => {
            thread.counters.refused.fetch_add(1, Relaxed);
            refused(&refusal)
        }
    };
    Reply { answer, model }
}

pub(crate) fn refused(refusal: &Refusal) -> Arc<Answer> {
    Arc::new(frame(refusal.payload(), &Script { status: refusal.status, ..Script::default() }))
}

pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Arc<Answer> {
    Arc::new(frame(Payload::whole(JSON, body.into()), &Script { status, ..Script::default() }))
}

fn answer<'a>(thread: &Thread, view: &View<'a>, model: &mut Cow<'a, str>) -> Result<Arc<Answer>, Refusal> {
    if view.target == Target::Root {
        // `HEAD /` must not have a body, and `GET /` needs none.
        return Ok(json(200, Vec::new()));
    }
    if let Some(key) = &thread.shared.config.require_key
        && view.bearer != Some(key.as_str())
    {
        return Err(Refusal::new(401, "invalid_api_key", "The simulator wants another key."));
    }
    let endpoint = match (view.target, view.method) {
        (Target::Call(endpoint), Method::Post) => endpoint,
        (Target::Models, Method::Get) => return Ok(json(200, demo::model_list())),
        (Target::Model(id), Method::Get) => {
            return demo::model(id).map(|body| json(200, body)).ok_or_else(|| unknown_model(id));
        }
        (Target::Call(_) | Target::Models | Target::Model(_), _) => {
            return Err(Refusal::new(405, "method_not_allowed", "This path has another method."));
        }
        _ => return Err(Refusal::new(404, "not_found", "The simulator does not serve this path.")),
    };
    call(thread, view, endpoint, model)
}

fn call<'a>(
    thread: &Thread,
    view: &View<'a>,
    endpoint: Endpoint,
    model: &mut Cow<'a, str>,
) -> Result<Arc<Answer>, Refusal> {
    let skim = if view.is_form { Some(skim::multipart(view.body)) } else { skim::json(view.body) };
    let skim = skim.ok_or_else(|| Refusal::new(400, "invalid_json", "The body is not a JSON object."))?;
    *model = skim.model.ok_or_else(|| Refusal::field("model", "model must be a string."))?;
    let ask = Ask { endpoint, model, stream: skim.stream, include_usage: skim.include_usage, body: view.body };
    if let Some(script) = thread.shared.plans.next(model) {
        return Ok(Arc::new(scripted(&script, &ask)));
    }
    let form = match endpoint {
        Endpoint::Chat => Some(0),
        Endpoint::Completions => Some(4),
        _ => None,
    };
    let form = form.map(|form| form + usize::from(ask.stream) * 2 + usize::from(ask.include_usage));
    if let Some(answer) = form.and_then(|form| thread.kept(form, model)) {
        return Ok(answer);
    }
    if let Some(script) = Script::named(model) {
        let script = script.map_err(|error| Refusal::field("model", error))?;
        let answer = Arc::new(scripted(&script, &ask));
        if let Some(form) = form.filter(|_| answer.wire.len() <= RENDERED_BYTES_MAX) {
            thread.keep(form, model, &answer);
        }
        return Ok(answer);
    }
    let call = Call {
        endpoint,
        model,
        body: view.body,
        tokens_per_second: thread.shared.config.tokens_per_second,
        now_ms: unix_ms(),
    };
    let payload = demo::answer(&call).unwrap_or_else(|| Err(unknown_model(model)))?;
    Ok(Arc::new(frame(payload, &Script::default())))
}

fn unknown_model(id: &str) -> Refusal {
    let message = format!(
        "The model '{id}' does not exist. GET /v1/models lists those that do; a plan or a script: name makes others."
    );
    Refusal { param: Some("model"), ..Refusal::new(404, "model_not_found", message) }
}

impl Thread {
    fn kept(&self, form: usize, model: &str) -> Option<Arc<Answer>> {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner)[form].get(model).map(Arc::clone)
    }

    fn keep(&self, form: usize, model: &str, answer: &Arc<Answer>) {
        let map = &mut self.rendered.lock().unwrap_or_else(PoisonError::into_inner)[form];
        if map.len() >= RENDERED_MAX {
            map.clear();
        }
        map.insert(model.to_owned(), Arc::clone(answer));
    }
}
