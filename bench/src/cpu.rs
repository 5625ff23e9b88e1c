//! Processor time of other processes, from the scheduler's own book: nanoseconds that each of their threads ran.

use std::fs;

/// A named group of processes: the system under test, the mock.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pids: Vec<u32>,
}

impl Watched {
    /// `name=pid,pid`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("--watch {text}: name=pid,pid");
        let (name, pids) = text.split_once('=').ok_or_else(bad)?;
        let pids = pids.split(',').map(|pid| pid.parse().map_err(|_| bad())).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), pids })
    }

    pub(crate) fn ourselves() -> Self {
        Self { name: "load".to_owned(), pids: vec![std::process::id()] }
    }

    /// Nanoseconds that all threads have run so far. A process that is gone is an error: its time would be missing.
    pub(crate) fn cpu_ns(&self) -> Result<u64, String> {
        self.pids.iter().map(|pid| of_process(*pid)).sum()
    }
}

fn of_process(pid: u32) -> Result<u64, String> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).map_err(|e| format!("{folder}: {e}"))?;
    let mut sum_ns = 0;
    for thread in threads.flatten() {
        // A thread may end between the listing and the look at it.
        if let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) {
            sum_ns += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(sum_ns)
}
