//! One admitted request's money, from its hold to its row: INTENT on opening, PROGRESS while it runs, SETTLE at its end.
//!
//! A posting that is dropped without having been settled voids itself: whatever goes wrong in between, a panic included, costs
//! the customer nothing and leaves no hold behind.

use crate::exchange::{Exchange, ShortText};
use crate::journal::record::{Ending, Kind, Row};
use crate::shard::Shard;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollway_policy::admission::{Endpoint, Hold};
use tollway_policy::health::ModelLive;
use tollway_policy::ids::Id;
use tollway_policy::money::Counts;
use tollway_policy::refusal::Refusal;
use tollway_policy::settlement::{self, Outcome};
use tollway_policy::snapshot::{Model, Upstream};

/// The status that a request gets in the books when its client hung up before the answer.
pub(crate) const CLIENT_GONE: u16 = 499;

pub(crate) struct Posting {
    shard: Rc<Shard>,
    hold: Option<Hold>,
    seq: u64,
    /// The journal segment in which the INTENT lies.
    intent_in: u64,
    request_id: Id,
    client_id: ShortText,
    endpoint: Endpoint,
    stream: bool,
    model: Arc<Model>,
    upstream: Option<Arc<Upstream>>,
    started_ns: u64,
    started_ms: u64,
    pub(crate) attempts: u8,
    pub(crate) first_byte_ns: u64,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
}

/// What the row says of the charge.
struct Figures {
    counts: Counts,
    estimated: bool,
    charge_nano: i64,
    excess_nano: i64,
    ending: Ending,
}

impl Posting {
    /// Writes the INTENT. Refused when the journal has no room: what cannot be put on paper is not admitted.
    pub(crate) fn open(
        shard: &Rc<Shard>,
        exchange: &Exchange,
        endpoint: Endpoint,
        stream: bool,
        model: Arc<Model>,
        hold: Hold,
    ) -> Result<Posting, Refusal> {
        let mut posting = Posting {
            seq: shard.writer.next_seq(),
            intent_in: 0,
            shard: shard.clone(),
            hold: Some(hold),
            request_id: exchange.id,
            client_id: exchange.client_id,
            endpoint,
            stream,
            model,
            upstream: None,
            started_ns: exchange.started_ns,
            started_ms: exchange.started_ms,
            attempts: 0,
            first_byte_ns: 0,
            status: 500,
            code: "internal_error",
        };
        let figures = Figures {
            counts: Counts::default(),
            estimated: false,
            charge_nano: 0,
            excess_nano: 0,
            ending: Ending::Recovered,
        };
        match posting.hold.as_ref().map(|hold| posting.write(Kind::Intent, hold, &figures)) {
            Some(Ok(segment)) => {
                posting.intent_in = segment;
                Ok(posting)
            }
            _ => {
                posting.hold = None; // voided without a row: nothing of it was ever on paper
                shard.node.journal_errors.fetch_add(1, Ordering::Relaxed);
                Err(Refusal::overloaded())
            }
        }
    }

    pub(crate) fn model_name(&self) -> &str {
        &self.model.name
    }

    pub(crate) fn model_live(&self) -> &ModelLive {
        &self.model.live
    }

    /// Names the upstream of the attempt that is about to be made.
    pub(crate) fn attempt(&mut self, upstream: &Arc<Upstream>) {
        self.attempts += 1;
        self.upstream = Some(upstream.clone());
    }

    /// The end of the request will be told as this refusal.
    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        self.status = refusal.code.status();
        self.code = refusal.code.as_str();
    }

    /// Writes down what a running stream would cost if the process died now.
    pub(crate) fn progress(&self, outcome: &Outcome) {
        let Some(hold) = &self.hold else { return };
        let (counts, estimated) = settlement::counts(outcome, self.model.bytes_per_token_milli);
        let charge_nano = hold.quote(&counts).charge_nano;
        let figures = Figures { counts, estimated, charge_nano, excess_nano: 0, ending: Ending::Recovered };
        if self.write(Kind::Progress, hold, &figures).is_err() {
            self.shard.node.journal_errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Charges what was delivered and writes the SETTLE. To be called before the client gets the last bytes. Returns the charge.
    pub(crate) fn settle(&mut self, outcome: &Outcome) -> i64 {
        let Some(hold) = self.hold.take() else { return 0 };
        let (counts, tokens_estimated) = settlement::counts(outcome, self.model.bytes_per_token_milli);
        let estimated = tokens_estimated || (counts.milliseconds > 0 && outcome.milliseconds > 0);
        let terms = Terms::of(&hold);
        let settled = hold.settle(&counts);
        let figures = Figures {
            counts,
            estimated,
            charge_nano: settled.charge_nano,
            excess_nano: settled.excess_nano,
            ending: Ending::Settled,
        };
        self.write_ending(&terms, &figures);
        settled.charge_nano
    }

    fn write_ending(&self, terms: &Terms, figures: &Figures) {
        // The reserve of the journal makes room for endings; should even that fail, the INTENT is there and is settled by recovery.
        if self.write_terms(Kind::Settle, terms, figures).is_err() {
            self.shard.node.journal_errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, kind: Kind, hold: &Hold, figures: &Figures) -> Result<u64, crate::journal::writer::Full> {
        self.write_terms(kind, &Terms::of(hold), figures)
    }

    fn write_terms(&self, kind: Kind, terms: &Terms, figures: &Figures) -> Result<u64, crate::journal::writer::Full> {
        // An INTENT's times say nothing yet.
        let now_ns = if kind == Kind::Intent { self.started_ns } else { self.shard.now_ns() };
        let row = Row {
            seq: self.seq,
            request_id: self.request_id,
            account: terms.account,
            key: terms.key,
            model: &self.model.name,
            upstream: self.upstream.as_ref().map_or("", |u| &u.name),
            endpoint: self.endpoint as u8,
            status: self.status,
            stream: self.stream,
            estimated: figures.estimated,
            counts: figures.counts,
            price: terms.price,
            multiplier_micro: terms.multiplier_micro,
            hold_nano: terms.hold_nano,
            charge_nano: figures.charge_nano,
            excess_nano: figures.excess_nano,
            attempts: self.attempts,
            started_ms: self.started_ms,
            first_byte_us: self.first_byte_ns.saturating_sub(self.started_ns) / 1_000,
            total_us: now_ns.saturating_sub(self.started_ns) / 1_000,
            ending: figures.ending,
            code: self.code,
            client_request_id: self.client_id.as_str(),
        };
        self.shard.writer.write(kind, self.intent_in, &row)
    }
}

/// What a hold was made with; outlives it by one row.
struct Terms {
    account: Id,
    key: Id,
    price: Option<Id>,
    multiplier_micro: u64,
    hold_nano: i64,
}

impl Terms {
    fn of(hold: &Hold) -> Terms {
        Terms {
            account: hold.account_id,
            key: hold.key_id,
            price: hold.price().map(|price| price.id),
            multiplier_micro: hold.multiplier_micro,
            hold_nano: hold.amount_nano,
        }
    }
}

impl Drop for Posting {
    fn drop(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        let terms = Terms::of(&hold);
        hold.void();
        let figures = Figures {
            counts: Counts::default(),
            estimated: false,
            charge_nano: 0,
            excess_nano: 0,
            ending: Ending::Voided,
        };
        self.write_ending(&terms, &figures);
    }
}
