//! Plans: per model, one script for each attempt. Attempt n gets entry n; the last repeats.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::script::Script;

#[derive(Debug)]
struct Plan {
    attempts: Vec<Arc<Script>>,
    used: usize,
}

#[derive(Debug)]
pub(crate) struct Plans {
    plans_max: usize,
    /// How many there are: without any, as in the benches, a request does not take the lock.
    count: AtomicUsize,
    by_model: Mutex<HashMap<String, Plan>>,
}

/// Attempts that one plan may list.
const ATTEMPTS_MAX: usize = 10_000;

impl Plans {
    pub(crate) fn new(plans_max: usize) -> Self {
        Self { plans_max, count: AtomicUsize::new(0), by_model: Mutex::default() }
    }

    /// The script of this attempt, which is hereby used.
    pub(crate) fn next(&self, model: &str) -> Option<Arc<Script>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut plans = self.lock();
        let plan = plans.get_mut(model)?;
        let entry = plan.attempts.get(plan.used).or_else(|| plan.attempts.last()).map(Arc::clone);
        plan.used += 1;
        entry
    }

    /// Takes `{"model": …, "attempts": [script, …]}`, or an array of them: all, or none with the reason.
    pub(crate) fn post(&self, body: &[u8]) -> Result<(), String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("the plan is not JSON: {error}"))?;
        let list = match value {
            Value::Array(list) => list,
            single => vec![single],
        };
        let read: Vec<(String, Plan)> = list.into_iter().map(plan).collect::<Result<_, _>>()?;
        let mut plans = self.lock();
        let new = read.iter().filter(|(model, _)| !plans.contains_key(model)).count();
        if plans.len() + new > self.plans_max {
            return Err(format!("there are plans for {} models already; DELETE /__sim/plan clears them", plans.len()));
        }
        plans.extend(read);
        self.count.store(plans.len(), Ordering::Release);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.count.store(0, Ordering::Release);
    }

    pub(crate) fn list(&self) -> Value {
        self.lock()
            .iter()
            .map(|(model, plan)| json!({"model": model, "attempts": plan.attempts.len(), "used": plan.used}))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Plan>> {
        self.by_model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plan(value: Value) -> Result<(String, Plan), String> {
    const SHAPE: &str = "a plan is {\"model\": \"…\", \"attempts\": [{script}, …]}";
    let Value::Object(mut fields) = value else {
        return Err(SHAPE.to_owned());
    };
    let (Some(Value::String(model)), Some(Value::Array(attempts))) =
        (fields.remove("model"), fields.remove("attempts"))
    else {
        return Err(SHAPE.to_owned());
    };
    if attempts.is_empty() || attempts.len() > ATTEMPTS_MAX || !fields.is_empty() {
        return Err(format!("{SHAPE}, with 1 to {ATTEMPTS_MAX} attempts and nothing else"));
    }
    let attempts = attempts
        .into_iter()
        .enumerate()
        .map(|(n, script)| Script::from_value(script).map(Arc::new).map_err(|error| format!("attempt {n}: {error}")))
        .collect::<Result<_, _>>()?;
    Ok((model, Plan { attempts, used: 0 }))
}
