//! The contract's msgpack, written by hand: a second reading of the contract, so that the decoder is not tested against itself.

use super::{AccountSpec, GroupSpec, KeySpec, ModelSpec, PriceSpec, SnapshotBuilder, UpstreamSpec};

/// Msgpack bytes that grow. Always the shortest form, as msgspec writes it.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn nil(&mut self) {
        self.0.push(0xc0);
    }

    fn uint(&mut self, number: impl Into<u64>) {
        let number = number.into();
        match number {
            0..=0x7f => self.0.push(number as u8),
            0x80..=0xff => self.0.extend([0xcc, number as u8]),
            0x100..=0xffff => {
                self.0.push(0xcd);
                self.0.extend((number as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(0xce);
                self.0.extend((number as u32).to_be_bytes());
            }
            _ => {
                self.0.push(0xcf);
                self.0.extend(number.to_be_bytes());
            }
        }
    }

    fn array(&mut self, len: usize) {
        match len {
            0..=15 => self.0.push(0x90 | len as u8),
            16..=0xffff => {
                self.0.push(0xdc);
                self.0.extend((len as u16).to_be_bytes());
            }
            _ => {
                self.0.push(0xdd);
                self.0.extend((len as u32).to_be_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        match text.len() {
            len @ 0..=31 => self.0.push(0xa0 | len as u8),
            len @ 32..=0xff => self.0.extend([0xd9, len as u8]),
            len => {
                self.0.push(0xda);
                self.0.extend((len as u16).to_be_bytes());
            }
        }
        self.0.extend(text.as_bytes());
    }

    fn bin(&mut self, bytes: &[u8]) {
        self.0.extend([0xc4, bytes.len() as u8]);
        self.0.extend(bytes);
    }

    fn texts(&mut self, texts: &[String]) {
        self.rows(texts, |writer, text| writer.text(text));
    }

    fn rows<T>(&mut self, rows: &[T], write: impl Fn(&mut Self, &T)) {
        self.array(rows.len());
        rows.iter().for_each(|row| write(self, row));
    }

    fn optional<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        match value {
            Some(value) => write(self, value),
            None => self.nil(),
        }
    }
}

impl SnapshotBuilder {
    /// The bytes that a control plane would send.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.array(9);
        out.uint(1u8);
        out.uint(self.generation);
        out.uint(self.base);
        out.optional(self.groups.as_ref(), |out, groups| out.rows(groups, group));
        out.optional(self.models.as_ref(), |out, models| out.rows(models, model));
        out.optional(self.upstreams.as_ref(), |out, upstreams| out.rows(upstreams, upstream));
        out.rows(&self.accounts, account);
        out.rows(&self.keys, key);
        out.rows(&self.gone, |out, digest| out.bin(digest));
        out.0
    }
}

fn group(out: &mut Writer, group: &GroupSpec) {
    out.array(6);
    out.text(&group.name);
    out.uint(group.multiplier_micro);
    out.texts(&group.models);
    [group.rpm, 0, 0].into_iter().for_each(|number| out.uint(number));
}

fn model(out: &mut Writer, model: &ModelSpec) {
    out.array(15);
    out.text(&model.name);
    out.uint(model.kind);
    out.uint(u8::from(model.enabled) | u8::from(model.free) << 1);
    out.text("somebody");
    [1_700_000_000, 128_000, model.max_output].into_iter().for_each(|number: u64| out.uint(number));
    out.texts(&["text".into()]);
    out.texts(&["text".into()]);
    out.uint(model.bytes_per_token_milli);
    out.optional(model.price.as_ref(), price);
    out.rows(&model.routes, |out, route| {
        out.array(4);
        out.text(&route.upstream);
        out.text(&route.upstream_model);
        out.uint(route.priority);
        out.uint(route.weight);
    });
    [model.rpm, 0, 0].into_iter().for_each(|number| out.uint(number));
}

fn price(out: &mut Writer, price: &PriceSpec) {
    out.array(6);
    out.bin(&price.id.0);
    out.rows(&price.token_pico, |out, pico| out.uint(*pico));
    [price.request_nano, price.image_nano, price.second_nano, price.character_pico]
        .into_iter()
        .for_each(|number| out.uint(number));
}

fn upstream(out: &mut Writer, upstream: &UpstreamSpec) {
    out.array(7);
    out.text(&upstream.name);
    out.uint(upstream.provider);
    out.text(&upstream.base_url);
    out.uint(u8::from(upstream.enabled) | u8::from(upstream.private_address_allowed) << 1);
    out.rows(&upstream.credentials, |out, (id, secret)| {
        out.array(2);
        out.bin(&id.0);
        out.text(secret);
    });
    out.rows(&upstream.timeouts_ms, |out, ms| out.uint(*ms));
    out.rows(&upstream.headers, |out, (name, value)| {
        out.array(2);
        out.text(name);
        out.text(value);
    });
}

fn account(out: &mut Writer, account: &AccountSpec) {
    out.array(7);
    out.bin(&account.id.0);
    out.text(&account.group);
    out.uint(u8::from(account.enabled));
    [account.rpm, 0, 0].into_iter().for_each(|number| out.uint(number));
    out.texts(&account.extra_groups);
}

fn key(out: &mut Writer, key: &KeySpec) {
    out.array(12);
    out.bin(&key.digest);
    out.bin(&key.id.0);
    out.bin(&key.account.0);
    out.uint(u8::from(key.enabled));
    out.uint(key.expires_s);
    [key.rpm, key.tpm, key.concurrency, key.endpoints].into_iter().for_each(|number| out.uint(number));
    out.optional(key.group.as_ref(), |out, group| out.text(group));
    out.optional(key.models.as_ref(), |out, models| out.texts(models));
    out.optional(key.networks.as_ref(), |out, networks| out.texts(networks));
}
