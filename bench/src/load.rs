//! `load`: N connections that ask as fast as they are answered (closed loop), or by a schedule (open loop, latency from the intended start).
//!
//! Whole runs are counted (every request sent must be answered, and the books of the other side must agree); speed and processor time are
//! counted only in the window between warm-up and stop.

use crate::args::{Args, Options};
use crate::client::{Client, Expected};
use crate::cpu::Watched;
use crate::request::{Keys, Random, Shape, Template};
use crate::say;
use crate::stats::{Stats, Window};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub(crate) const OPTIONS: Options = &[
    ("to", "address:port"),
    ("model", "the model asked for"),
    ("stream", "true: a stream of events"),
    ("body-bytes", "size of the request body (1000)"),
    ("key", "the key of every request"),
    ("key-file", "a key per line: a random one per request"),
    ("key-step", "instead: every n-th key in turn, once around; then the run ends"),
    ("expect", "status that counts as an answer (200)"),
    ("connections", "(32)"),
    ("rate", "open loop: requests per second; without it closed loop"),
    ("warmup-ms", "before the window (500)"),
    ("ramp-ms", "connections start spread over this time (0)"),
    ("seconds", "length of the window (3)"),
    ("drain-ms", "what runs at the end may finish within (10000)"),
    ("watch", "name=pid,pid: report their processor time; more than once"),
];

/// Errors after which a run gives up: it has failed anyway.
const ERRORS_MAX: u64 = 100;

/// What all connections of a run share.
struct Run {
    stats: Rc<Stats>,
    template: Template,
    keys: Keys,
    pace: Pace,
    key_step: Option<u64>,
    /// Requests begun so far: the schedule's next, and the next key in turn.
    begun: Cell<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    Closed,
    Open { from: Instant, per_second: f64 },
}

pub(crate) async fn run(args: Args) -> Result<(), String> {
    let to: SocketAddr = args.required("to")?;
    let expected = Expected { status: args.get("expect", 200)?, stream: args.get("stream", false)? };
    let keys = Keys::read(args.maybe("key")?, args.maybe("key-file")?)?;
    let model: String = args.required("model")?;
    let body_bytes = args.get("body-bytes", 1_000)?;
    let shape = Shape { model: &model, stream: expected.stream, body_bytes, key_bytes: keys.each };
    let pace = match args.maybe::<f64>("rate")? {
        Some(per_second) if per_second > 0.0 => Pace::Open { from: Instant::now(), per_second },
        Some(_) => return Err("--rate must be above 0".to_owned()),
        None => Pace::Closed,
    };
    let mut watched: Vec<Watched> =
        args.all("watch").iter().map(|text| Watched::parse(text)).collect::<Result<_, _>>()?;
    watched.push(Watched::ourselves());
    let template = Template::new(&to.to_string(), &shape);
    let key_step = args.maybe("key-step")?;
    let stats = Rc::new(Stats::default());
    let run = Rc::new(Run { stats: stats.clone(), template, keys, pace, key_step, begun: Cell::new(0) });

    let connections: u32 = args.get("connections", 32)?;
    let ramp = Duration::from_millis(args.get("ramp-ms", 0)?);
    let tasks: Vec<_> = (0..connections)
        .map(|number| {
            let client = Client::new(to, expected, stats.clone());
            tokio::task::spawn_local(connection(run.clone(), client, number, ramp * number / connections.max(1)))
        })
        .collect();

    sleep(Duration::from_millis(args.get("warmup-ms", 500)?)).await;
    let window = Window::open(watched, &stats)?;
    let seconds = Duration::from_secs_f64(args.get("seconds", 3.0)?);
    if key_step.is_some() {
        // Ends by itself; the window is only a bound.
        finish(tasks, seconds, &stats).await;
        let (seconds, cpu_ns) = window.close(&stats)?;
        return say(&stats.line(seconds, cpu_ns));
    }
    sleep(seconds).await;
    let (seconds, cpu_ns) = window.close(&stats)?;
    stats.stopping.set(true);
    finish(tasks, Duration::from_millis(args.get("drain-ms", 10_000)?), &stats).await;
    say(&stats.line(seconds, cpu_ns))
}

/// Waits for the connections; what does not end in time is cut, and counts as failed.
async fn finish(tasks: Vec<tokio::task::JoinHandle<()>>, within: Duration, stats: &Stats) {
    let deadline = tokio::time::Instant::now() + within;
    for mut task in tasks {
        match tokio::time::timeout_at(deadline, &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => stats.failed(format!("a connection's task: {error}")),
            Err(_) => {
                task.abort();
                stats.failed("an answer was not whole at the end of the run".to_owned());
            }
        }
    }
}

async fn connection(run: Rc<Run>, mut client: Client, number: u32, start_after: Duration) {
    if !start_after.is_zero() {
        sleep(start_after).await;
    }
    let mut request = run.template.bytes();
    let mut random = Random::new(u64::from(number));
    while !run.stats.stopping.get() && run.stats.errors.get() < ERRORS_MAX {
        let turn = run.begun.get();
        let key = match run.key_step {
            Some(step) if turn * step >= run.keys.count() as u64 => return,
            Some(step) => run.keys.get(turn * step),
            None => run.keys.get(random.next()),
        };
        run.begun.set(turn + 1);
        run.template.put_key(&mut request, key);
        let since = match run.pace {
            Pace::Closed => Instant::now(),
            Pace::Open { from, per_second } => {
                let intended = from + Duration::from_secs_f64(turn as f64 / per_second);
                tokio::time::sleep_until(intended.into()).await;
                if run.stats.stopping.get() {
                    return;
                }
                intended
            }
        };
        client.exchange(&request, since).await;
    }
}
