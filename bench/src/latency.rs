//! Latencies of a window, kept whole: a run has at most a few hundred thousand, and a histogram's rounding would be one more doubt.

/// Samples kept; later ones are counted by nobody, and `count` says so.
const SAMPLES_MAX: usize = 4_000_000;

#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn add(&mut self, elapsed: std::time::Duration) {
        if self.0.len() < SAMPLES_MAX {
            self.0.push(u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// The values at these shares of the sorted samples (nearest rank), in microseconds; 0 without samples.
    pub(crate) fn at<const N: usize>(&mut self, shares: [f64; N]) -> [u32; N] {
        self.0.sort_unstable();
        shares.map(|share| {
            let rank = (share * self.0.len() as f64).ceil() as usize;
            self.0.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests;
