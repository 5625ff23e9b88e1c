//! How much input a request carries: the text that an upstream would turn into tokens, and the things that cost beside their text.
//!
//! The rule is protocols.md, "Counting when usage is missing": content strings and text parts, tool call arguments, `prompt`, `input`, and
//! the JSON of `tools`; data URLs, role and type words left out.

use tollway_policy::admission::Endpoint;

use crate::json::{Kind, Result, Scanner, each_member, each_object};

/// Inputs given as token ids: each is one token, which is what four bytes of text are taken for.
const TOKEN_ID_BYTES: u64 = 4;

/// Sums over one body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content {
    pub(super) text_bytes: u64,
    pub(super) characters: u64,
    pub(super) messages: u64,
    pub(super) tools: u64,
    pub(super) media_parts: u64,
}

/// The inner error says what is wrong with the member that was read; the scan goes on behind it.
type Checked = std::result::Result<(), &'static str>;

impl Content {
    /// The member that carries the endpoint's input; the scanner stands on its value.
    pub(super) fn read(&mut self, scanner: &mut Scanner<'_>, endpoint: Endpoint) -> Result<Checked> {
        match endpoint {
            Endpoint::Chat => self.messages(scanner),
            Endpoint::Audio => self.speech(scanner),
            Endpoint::Images => {
                let is_string = scanner.kind()? == Kind::String;
                self.text(scanner)?;
                Ok(if is_string { Ok(()) } else { Err("must be a string") })
            }
            Endpoint::Completions | Endpoint::Embeddings | Endpoint::Moderations | Endpoint::Rerank => {
                let fits = matches!(scanner.kind()?, Kind::String | Kind::Array);
                self.inputs(scanner)?;
                Ok(if fits { Ok(()) } else { Err("must be a string or an array") })
            }
        }
    }

    fn messages(&mut self, scanner: &mut Scanner<'_>) -> Result<Checked> {
        if scanner.kind()? != Kind::Array {
            scanner.skip()?;
            return Ok(Err("must be an array of messages"));
        }
        let before = self.messages;
        let mut checked = Ok(());
        scanner.enter()?;
        let mut first = true;
        while scanner.next_element(first)? {
            first = false;
            self.messages += 1;
            if scanner.kind()? == Kind::Object {
                self.message(scanner)?;
            } else {
                checked = Err("must hold objects only");
                scanner.skip()?;
            }
        }
        Ok(if self.messages == before { Err("must not be empty") } else { checked })
    }

    fn message(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        each_member(scanner, |key, scanner| match key {
            b"content" => self.message_content(scanner),
            b"tool_calls" => each_object(scanner, |scanner| {
                each_member(scanner, |key, scanner| match key {
                    b"function" | b"custom" => self.call(scanner),
                    _ => scanner.skip(),
                })
            }),
            b"function_call" => self.call(scanner),
            _ => scanner.skip(),
        })
    }

    /// A string, or an array of parts; null and whatever else comes counts nothing.
    fn message_content(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        if scanner.kind()? == Kind::String {
            return self.text(scanner);
        }
        each_object(scanner, |scanner| {
            each_member(scanner, |key, scanner| match key {
                b"text" | b"refusal" => self.text(scanner),
                b"image_url" | b"input_audio" | b"file" | b"video_url" => {
                    self.media_parts += 1;
                    scanner.skip()
                }
                _ => scanner.skip(),
            })
        })
    }

    /// The `{name, arguments}` of a tool call (`input` for a custom tool).
    fn call(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        if scanner.kind()? != Kind::Object {
            return scanner.skip();
        }
        each_member(scanner, |key, scanner| match key {
            b"arguments" | b"input" => self.text(scanner),
            _ => scanner.skip(),
        })
    }

    /// `tools` counts as the JSON it stands in; its shape is the upstream's business.
    pub(super) fn tools(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        let start = scanner.position();
        match scanner.kind()? {
            Kind::Array => {
                scanner.enter()?;
                let mut first = true;
                while scanner.next_element(first)? {
                    first = false;
                    self.tools += 1;
                    scanner.skip()?;
                }
            }
            Kind::Null => return scanner.skip(),
            _ => scanner.skip()?,
        }
        self.text_bytes += (scanner.position() - start) as u64;
        Ok(())
    }

    fn speech(&mut self, scanner: &mut Scanner<'_>) -> Result<Checked> {
        if scanner.kind()? != Kind::String {
            scanner.skip()?;
            return Ok(Err("must be a string"));
        }
        let text = scanner.string()?;
        self.text_bytes += text.decoded_len();
        self.characters += text.characters();
        Ok(Ok(()))
    }

    /// A string, or an array of strings, token ids, arrays of token ids, or objects with a `text`.
    fn inputs(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        if scanner.kind()? != Kind::Array {
            return self.text(scanner);
        }
        scanner.enter()?;
        let mut first = true;
        while scanner.next_element(first)? {
            first = false;
            match scanner.kind()? {
                Kind::Number => self.token_id(scanner)?,
                Kind::Array => self.token_ids(scanner)?,
                Kind::Object => self.input_object(scanner)?,
                _ => self.text(scanner)?,
            }
        }
        Ok(())
    }

    fn token_ids(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        scanner.enter()?;
        let mut first = true;
        while scanner.next_element(first)? {
            first = false;
            match scanner.kind()? {
                Kind::Number => self.token_id(scanner)?,
                _ => self.text(scanner)?,
            }
        }
        Ok(())
    }

    fn token_id(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        self.text_bytes += TOKEN_ID_BYTES;
        scanner.number().map(drop)
    }

    fn input_object(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        each_member(scanner, |key, scanner| match key {
            b"text" => self.text(scanner),
            b"image_url" | b"image" => {
                self.media_parts += 1;
                scanner.skip()
            }
            _ => scanner.skip(),
        })
    }

    /// Counts a string; anything else is passed over.
    fn text(&mut self, scanner: &mut Scanner<'_>) -> Result<()> {
        if scanner.kind()? != Kind::String {
            return scanner.skip();
        }
        self.text_bytes += scanner.string()?.decoded_len();
        Ok(())
    }
}
