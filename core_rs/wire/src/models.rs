#[derive(Clone, Copy, Debug)]
pub struct Pricing { pub prompt_pico: u64, pub completion_pico: u64, pub cache_read_pico: u64, pub cache_write_pico: u64, pub reasoning_pico: u64, pub request_nano: u64, pub image_nano: u64, pub second_nano: u64, pub character_pico: u64 }
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a, S: AsRef<str>> { pub id: &'a str, pub created: u64, pub owned_by: &'a str, pub context_length: u64, pub max_output: u64, pub input_modalities: &'a [S], pub output_modalities: &'a [S], pub pricing: Option<Pricing>, pub supported_parameters: &'a [&'a str] }
pub fn list<'a, S: AsRef<str> + 'a>(_out: &mut Vec<u8>, _entries: impl Iterator<Item = Entry<'a, S>>) {}
pub fn one<S: AsRef<str>>(_out: &mut Vec<u8>, _entry: &Entry<'_, S>) {}
