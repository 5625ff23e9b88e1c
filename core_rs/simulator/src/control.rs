//! `/__sim/…`: plans, the log and the counters, for whoever runs the test. No key: the simulator listens on loopback.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::answer::Answer;
use crate::dispatch::{self, Shared};
use crate::log::Wish;
use crate::refusal::Refusal;
use crate::request::Method;
use crate::stats;

const WAIT_MS_DEFAULT: u64 = 5_000;
const WAIT_MS_MAX: u64 = 60_000;

/// `path` is what follows `/__sim/`.
pub(crate) async fn answer(shared: &Shared, method: Method, path: &str, query: &str, body: &[u8]) -> Arc<Answer> {
    match (method, path) {
        (Method::Post, "plan") => match shared.plans.post(body) {
            Ok(()) => dispatch::json(200, shared.plans.list().to_string()),
            Err(reason) => dispatch::refused(&Refusal::new(400, "invalid_plan", reason)),
        },
        (Method::Get, "plan") => dispatch::json(200, shared.plans.list().to_string()),
        (Method::Delete, "plan") => {
            shared.plans.clear();
            shared.log.clear();
            dispatch::json(200, "{}")
        }
        (Method::Get, "log") => log(shared, query).await,
        (Method::Get, "stats") => dispatch::json(200, stats::json(&shared.counters).to_string()),
        (Method::Post, "unreachable") => match shared.unreachable.add() {
            Ok(addr) => dispatch::json(200, json!({"addr": addr.to_string()}).to_string()),
            Err(error) => dispatch::refused(&Refusal::new(503, "unreachable_unavailable", error.to_string())),
        },
        _ => {
            let has = "plan (GET, POST, DELETE), log and stats (GET), unreachable (POST)";
            dispatch::refused(&Refusal::new(404, "not_found", format!("Below /__sim/ there are: {has}.")))
        }
    }
}

/// 408 with the entries as they are when what was waited for did not happen.
async fn log(shared: &Shared, query: &str) -> Arc<Answer> {
    let wish = match wish(query) {
        Ok(wish) => wish,
        Err(reason) => return dispatch::refused(&Refusal::new(400, "invalid_query", reason)),
    };
    let (met, entries) = shared.log.wait(&wish).await;
    // Entries are plain data: they do serialise.
    let body = serde_json::to_vec(&entries).unwrap_or_default();
    dispatch::json(if met { 200 } else { 408 }, body)
}

fn wish(query: &str) -> Result<Wish, String> {
    let mut wish = Wish { timeout: Duration::from_millis(WAIT_MS_DEFAULT), ..Wish::default() };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let number = || value.parse::<u64>().map_err(|_| format!("{name} must be a number"));
        let count = || number().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        match name {
            "model" => wish.model = Some(decoded(value)),
            "wait_started" => wish.started = count()?,
            "wait_holding" => wish.holding = count()?,
            "wait_ended" => wish.ended = count()?,
            "timeout_ms" => wish.timeout = Duration::from_millis(number()?.min(WAIT_MS_MAX)),
            _ => {
                return Err(format!(
                    "{name} is not known; there are model, wait_started, wait_holding, wait_ended, timeout_ms"
                ));
            }
        }
    }
    Ok(wish)
}

/// Percent signs and plus signs, as query strings of clients' libraries have them.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = tail;
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
