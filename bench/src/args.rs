//! Options as `--name value` pairs: few, all named, an unknown one is an error that lists the known ones.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

/// Name and meaning.
pub(crate) type Options = &'static [(&'static str, &'static str)];

#[derive(Debug)]
pub(crate) struct Args(HashMap<String, Vec<String>>);

/// Reads `--name value` pairs; a name may come more than once.
pub(crate) fn parse(mut words: impl Iterator<Item = String>, options: Options) -> Result<Args, String> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    while let Some(word) = words.next() {
        let known = word.strip_prefix("--").filter(|name| options.iter().any(|(known, _)| known == name));
        let Some(name) = known else { return Err(help(&word, options)) };
        let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
        found.entry(name.to_owned()).or_default().push(value);
    }
    Ok(Args(found))
}

fn help(word: &str, options: Options) -> String {
    let lines: Vec<String> = options.iter().map(|(name, meaning)| format!("  --{name:<18} {meaning}")).collect();
    format!("{word}: not an option here. There are:\n{}", lines.join("\n"))
}

impl Args {
    /// The last value given, or the default.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T, String> {
        self.maybe(name).map(|value| value.unwrap_or(default))
    }

    pub(crate) fn maybe<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.all(name).last() else { return Ok(None) };
        text.parse().map(Some).map_err(|error| format!("--{name} {text}: {error}"))
    }

    pub(crate) fn required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, String> {
        self.maybe(name)?.ok_or_else(|| format!("--{name} is needed"))
    }

    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
