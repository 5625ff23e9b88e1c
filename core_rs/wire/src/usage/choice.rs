//! One element of `choices`, whole (`message`) or in pieces (`delta`): how much text it delivers and whether it has ended.

use crate::json::{Kind, Result, Scanner, each_member, each_object};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) index: u64,
    /// It has a `finish_reason`.
    pub(crate) finished: bool,
    /// UTF-8 bytes of text, reasoning, refusal and tool arguments.
    pub(crate) text_bytes: u64,
}

/// Reads the choice that the scanner stands on; it must be an object.
pub(crate) fn choice(scanner: &mut Scanner<'_>) -> Result<Choice> {
    let mut choice = Choice::default();
    each_member(scanner, |key, scanner| {
        match key {
            b"index" if scanner.kind()? == Kind::Number => choice.index = scanner.unsigned()?.unwrap_or(u64::MAX),
            b"finish_reason" if scanner.kind()? == Kind::String => choice.finished = !scanner.string()?.raw.is_empty(),
            b"delta" | b"message" => choice.text_bytes += message(scanner)?,
            b"text" => choice.text_bytes += text(scanner)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(choice)
}

fn message(scanner: &mut Scanner<'_>) -> Result<u64> {
    if scanner.kind()? != Kind::Object {
        return scanner.skip().map(|()| 0);
    }
    let (mut bytes, mut reasoning) = (0, 0);
    each_member(scanner, |key, scanner| {
        match key {
            b"content" => bytes += content(scanner)?,
            b"refusal" => bytes += text(scanner)?,
            // Some servers send the same reasoning under both names.
            b"reasoning" | b"reasoning_content" => reasoning = text(scanner)?.max(reasoning),
            b"tool_calls" => each_object(scanner, |scanner| {
                each_member(scanner, |key, scanner| {
                    match key {
                        b"function" | b"custom" => bytes += call(scanner)?,
                        _ => scanner.skip()?,
                    }
                    Ok(())
                })
            })?,
            b"function_call" => bytes += call(scanner)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(bytes + reasoning)
}

/// A string, or an array of parts with a `text`.
fn content(scanner: &mut Scanner<'_>) -> Result<u64> {
    if scanner.kind()? == Kind::String {
        return text(scanner);
    }
    let mut bytes = 0;
    each_object(scanner, |scanner| {
        each_member(scanner, |key, scanner| {
            match key {
                b"text" | b"refusal" => bytes += text(scanner)?,
                _ => scanner.skip()?,
            }
            Ok(())
        })
    })?;
    Ok(bytes)
}

fn call(scanner: &mut Scanner<'_>) -> Result<u64> {
    if scanner.kind()? != Kind::Object {
        return scanner.skip().map(|()| 0);
    }
    let mut bytes = 0;
    each_member(scanner, |key, scanner| {
        match key {
            b"arguments" | b"input" => bytes += text(scanner)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(bytes)
}

#[inline]
fn text(scanner: &mut Scanner<'_>) -> Result<u64> {
    if scanner.kind()? == Kind::String { Ok(scanner.string()?.decoded_len()) } else { scanner.skip().map(|()| 0) }
}
