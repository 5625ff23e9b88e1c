//! `idle`: opens streams, reads the first event of each, and holds them until its standard input closes.
//!
//! What an open stream costs is what it costs while nothing is said; the one who measures looks at the other process meanwhile.

use crate::args::{Args, Options};
use crate::client::{Client, Expected};
use crate::request::{Keys, Shape, Template};
use crate::stats::Stats;
use crate::{input_closed, say};
use serde_json::json;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::sync::{Notify, Semaphore};

pub(crate) const OPTIONS: Options = &[
    ("to", "address:port"),
    ("model", "a model whose stream says one thing and then nothing for long"),
    ("key-file", "a key per line: taken in turn"),
    ("key", "the key of every stream"),
    ("streams", "(1000)"),
];

/// Streams that are being opened at the same time: fewer than a listening socket's queue.
const OPENING_MAX: usize = 64;

struct Opening {
    permits: Semaphore,
    open: Cell<u64>,
    failed: Cell<u64>,
    changed: Notify,
}

pub(crate) async fn run(args: Args) -> Result<(), String> {
    let to: SocketAddr = args.required("to")?;
    let model: String = args.required("model")?;
    let keys = Keys::read(args.maybe("key")?, args.maybe("key-file")?)?;
    let shape = Shape { model: &model, stream: true, body_bytes: 1_000, key_bytes: keys.each };
    let template = Rc::new(Template::new(&to.to_string(), &shape));
    let stats = Rc::new(Stats::default());
    let opening = Rc::new(Opening {
        permits: Semaphore::new(OPENING_MAX),
        open: Cell::new(0),
        failed: Cell::new(0),
        changed: Notify::new(),
    });
    let streams: u64 = args.get("streams", 1_000)?;
    let mut tasks = Vec::new();
    for number in 0..streams {
        let mut request = template.bytes();
        template.put_key(&mut request, keys.get(number));
        let client = Client::new(to, Expected { status: 200, stream: true }, stats.clone());
        tasks.push(tokio::task::spawn_local(stream(client, request, opening.clone(), stats.clone())));
    }
    while opening.open.get() + opening.failed.get() < streams {
        opening.changed.notified().await;
    }
    say(&line(&opening, &stats))?;
    input_closed().await;
    let last = line(&opening, &stats);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    say(&last)
}

fn line(opening: &Opening, stats: &Stats) -> serde_json::Value {
    json!({"open": opening.open.get(), "failed": opening.failed.get(), "sent": stats.sent.get(),
           "first_error": *stats.first_error.borrow()})
}

async fn stream(mut client: Client, request: Vec<u8>, opening: Rc<Opening>, stats: Rc<Stats>) {
    let outcome = hold(&mut client, request, &opening).await;
    stats.failed(outcome.err().unwrap_or_else(|| "a held stream ended".to_owned()));
    opening.failed.set(opening.failed.get() + 1);
    opening.changed.notify_one();
}

/// Runs until the stream ends, which is a failure here.
async fn hold(client: &mut Client, request: Vec<u8>, opening: &Opening) -> Result<(), String> {
    let permit = opening.permits.acquire().await.map_err(|e| e.to_string())?;
    let mut answer = client.begin(&request).await?;
    drop(request);
    while answer.body.events.count == 0 {
        if !client.more(&mut answer).await? {
            return Err("the stream ended before its first event".to_owned());
        }
    }
    drop(permit);
    opening.open.set(opening.open.get() + 1);
    opening.changed.notify_one();
    while client.more(&mut answer).await? {}
    opening.open.set(opening.open.get() - 1);
    Ok(())
}
